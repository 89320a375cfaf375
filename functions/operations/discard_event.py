"""POST /admin/set-aside/{event_id}/discard: an operator deletes an event that is quarantined."""

from commerce.app.operations import (
    DiscardedEventView,
    DiscardEvent,
    EventNotQuarantined,
    discard_quarantined,
)
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler

api = http_api()


@api.post("/admin/set-aside/<event_id>/discard")
def discard_event(event_id: str, command: DiscardEvent, staff: Staff) -> DiscardedEventView:
    return discard_quarantined(event_id, command, by=staff.by)


handler = lambda_handler(api, access=Scope.OPS, refusals=(EventNotQuarantined,))
