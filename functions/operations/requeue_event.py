"""POST /admin/set-aside/{event_id}/put-back: an operator lets the relay try an event again."""

from commerce.app.operations import EventNotQuarantined, RequeueView, requeue
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler

api = http_api()


@api.post("/admin/set-aside/<event_id>/put-back")
def requeue_event(event_id: str, staff: Staff) -> RequeueView:
    return requeue(event_id, by=staff.by)


handler = lambda_handler(api, access=Scope.OPS, refusals=(EventNotQuarantined,))
