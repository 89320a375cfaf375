"""POST /admin/dead-letters/{queue}/redrive, …/restore: messages are sent to their queue again."""

from commerce.app.operations import (
    ContinueRedrive,
    DeadLetterOutcomeView,
    QueueNotFound,
    Redrive,
    RedriveNotFound,
    RedriveView,
    Restore,
    continue_redrive,
    redrive,
    restore,
)
from commerce.entrypoints.http import Scope, Staff, ThisAct, http_api, lambda_handler
from commerce.runtime.messaging.dead_letters import NoSourceQueue

CONTINUED = "/admin/dead-letters/<queue>/redrive/<redrive_id>"

api = http_api()


@api.post("/admin/dead-letters/<queue>/redrive")
def redrive_dead_letters(queue: str, command: Redrive, act: ThisAct) -> tuple[RedriveView, int]:
    """Send dead letters back to their queue; 202 where some are left when the time is over."""
    return _answer(redrive(queue, command, act=act))


@api.post(CONTINUED)
def continue_redrive_of_dead_letters(
    queue: str, redrive_id: str, command: ContinueRedrive, staff: Staff
) -> tuple[RedriveView, int]:
    """Send the next part of a redrive, or cancel the rest of it."""
    return _answer(continue_redrive(queue, redrive_id, command, by=staff.by))


@api.post("/admin/dead-letters/<queue>/restore")
def restore_messages(queue: str, command: Restore, staff: Staff) -> DeadLetterOutcomeView:
    """Send discarded messages to their queue again, from the audit."""
    return restore(queue, command, by=staff.by)


def _answer(view: RedriveView) -> tuple[RedriveView, int]:
    return view, 200 if view.complete else 202


handler = lambda_handler(
    api,
    access=Scope.OPS,
    success=(200, 202),
    refusals=(QueueNotFound, NoSourceQueue, RedriveNotFound),
    continues=("POST /admin/dead-letters/{queue}/redrive/{redrive_id}",),
)
