"""Privacy: what is kept about a user, and its erasure."""

from commerce.app.privacy.erasure import erase, erase_as_operator
from commerce.app.privacy.export import KeptView, export

__all__ = ["KeptView", "erase", "erase_as_operator", "export"]
