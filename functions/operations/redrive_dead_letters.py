"""POST /admin/dead-letters/{queue}/redrive, …/restore: messages are sent to their queue again."""

from commerce.app.operations import (
    DeadLetterOutcomeView,
    QueueNotFound,
    Redrive,
    Restore,
    redrive,
    restore,
)
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler
from commerce.runtime.messaging.dead_letters import NoSourceQueue

api = http_api()


@api.post("/admin/dead-letters/<queue>/redrive")
def redrive_dead_letters(queue: str, command: Redrive, staff: Staff) -> DeadLetterOutcomeView:
    """Send dead letters back to their queue."""
    return redrive(queue, command, by=staff.by)


@api.post("/admin/dead-letters/<queue>/restore")
def restore_messages(queue: str, command: Restore, staff: Staff) -> DeadLetterOutcomeView:
    """Send discarded messages to their queue again, from the audit."""
    return restore(queue, command, by=staff.by)


handler = lambda_handler(api, access=Scope.OPS, refusals=(QueueNotFound, NoSourceQueue))
