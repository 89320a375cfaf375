"""The retention of the drop context's rows."""

from datetime import timedelta

from commerce.drop.statements import DELETE_REFUSALS
from commerce.runtime.db.retention import Retention

# After a drop's end, whose record has their sums. Until then staff can look into a complaint.
REFUSALS_KEPT_FOR = timedelta(days=30)

RETENTIONS = (Retention("drop_refusals", REFUSALS_KEPT_FOR, DELETE_REFUSALS),)
