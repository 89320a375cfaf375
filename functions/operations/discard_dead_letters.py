"""POST /admin/dead-letters/{queue}/discard: an operator deletes dead letters, for a reason."""

from commerce.app.operations import DeadLetterOutcomeView, Discard, QueueNotFound, discard
from commerce.entrypoints.http import ADMIN, Admin, http_api, lambda_handler

api = http_api()


@api.post("/admin/dead-letters/<queue>/discard")
def discard_dead_letters(queue: str, command: Discard, admin: Admin) -> DeadLetterOutcomeView:
    return discard(queue, command, by=admin.by)


handler = lambda_handler(api, access=ADMIN, refusals=(QueueNotFound,))
