"""Finding a thing by any id of it: from a log, an alert, a message or a mail."""

from commerce.app.operations.finding.find import find
from commerce.app.operations.finding.form import NoSuchForm
from commerce.app.operations.finding.views import FindView, FoundView

__all__ = ["FindView", "FoundView", "NoSuchForm", "find"]
