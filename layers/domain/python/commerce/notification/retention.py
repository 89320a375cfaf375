"""The retention of the notification context's rows."""

from datetime import timedelta
from typing import TYPE_CHECKING

from commerce.runtime.db.retention import Retention
from commerce.runtime.db.statement import precompiled

if TYPE_CHECKING:
    from commerce.notification import statements as sql
else:
    sql = precompiled("commerce.notification.statements")

KEPT_FOR = timedelta(days=30)  # longer than an event can be delivered again: spec §7.1

RETENTIONS = (Retention("mails", KEPT_FOR, sql.DELETE_EXPIRED),)
