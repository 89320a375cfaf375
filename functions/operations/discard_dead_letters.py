"""POST /admin/dead-letters/{queue}/discard: an operator deletes dead letters, for a reason."""

from commerce.app.operations import DeadLetterOutcomeView, Discard, QueueNotFound, discard
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler

api = http_api()


@api.post("/admin/dead-letters/<queue>/discard")
def discard_dead_letters(queue: str, command: Discard, staff: Staff) -> DeadLetterOutcomeView:
    return discard(queue, command, by=staff.by)


handler = lambda_handler(api, access=Scope.OPS, refusals=(QueueNotFound,))
