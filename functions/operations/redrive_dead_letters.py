"""POST /admin/dead-letters/{queue}/redrive: an operator sends dead letters back to their queue."""

from commerce.app.operations import DeadLetterOutcomeView, QueueNotFound, Redrive, redrive
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler
from commerce.runtime.messaging.dead_letters import NoSourceQueue

api = http_api()


@api.post("/admin/dead-letters/<queue>/redrive")
def redrive_dead_letters(queue: str, command: Redrive, staff: Staff) -> DeadLetterOutcomeView:
    return redrive(queue, command, by=staff.by)


handler = lambda_handler(api, access=Scope.OPS, refusals=(QueueNotFound, NoSourceQueue))
