"""POST /admin/dead-letters/{queue}/redrive, …/restore: messages are sent to their queue again."""

from commerce.app.operations import (
    DeadLetterOutcomeView,
    QueueNotFound,
    Redrive,
    RedriveNotFound,
    RedriveView,
    Restore,
    cancel_redrive,
    continue_redrive,
    redrive,
    restore,
)
from commerce.entrypoints.http import Scope, Staff, ThisAct, http_api, lambda_handler
from commerce.runtime.messaging.dead_letters import NoSourceQueue

BEGUN = "/admin/dead-letters/<queue>/redrive/<redrive_id>"
BEGUN_PATH = "/admin/dead-letters/{queue}/redrive/{redrive_id}"  # as API Gateway has it

api = http_api()


@api.post("/admin/dead-letters/<queue>/redrive")
def redrive_dead_letters(queue: str, command: Redrive, act: ThisAct) -> tuple[RedriveView, int]:
    """Send dead letters back to their queue; 202 where some are left when the time is over."""
    return _answer(redrive(queue, command, act=act))


@api.post(BEGUN)
def send_next_part(queue: str, redrive_id: str, staff: Staff) -> tuple[RedriveView, int]:
    """Send the next part of a redrive."""
    return _answer(continue_redrive(queue, redrive_id, by=staff.by))


@api.post(f"{BEGUN}/cancellation")
def cancel_rest(queue: str, redrive_id: str, staff: Staff) -> tuple[RedriveView, int]:
    """Cancel a redrive: what was not sent stays dead letters."""
    return _answer(cancel_redrive(queue, redrive_id, by=staff.by))


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
    continues=(f"POST {BEGUN_PATH}", f"POST {BEGUN_PATH}/cancellation"),
)
