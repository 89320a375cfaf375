"""The retention of the drop context's rows."""

from datetime import timedelta
from typing import TYPE_CHECKING

from commerce.runtime.db.retention import Retention
from commerce.runtime.db.statement import precompiled

if TYPE_CHECKING:
    from commerce.drop import statements as sql
else:
    sql = precompiled("commerce.drop.statements")

# After a drop's end, whose record has their sums. Until then staff can look into a complaint.
REFUSALS_KEPT_FOR = timedelta(days=30)

RETENTIONS = (Retention("drop_refusals", REFUSALS_KEPT_FOR, sql.DELETE_REFUSALS),)
