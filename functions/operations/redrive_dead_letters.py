"""POST /admin/dead-letters/{queue}/redrive: an operator sends dead letters back to their queue."""

from commerce.entrypoints.http import ADMIN, Admin, http_api, lambda_handler
from commerce.operations import LettersOutcomeView, QueueNotFound, Redrive, redrive
from commerce.shared.dead_letters import LettersHaveNoQueue

api = http_api()


@api.post("/admin/dead-letters/<queue>/redrive")
def redrive_dead_letters(queue: str, command: Redrive, admin: Admin) -> LettersOutcomeView:
    return redrive(queue, command, by=admin.by)


handler = lambda_handler(api, access=ADMIN, refusals=(QueueNotFound, LettersHaveNoQueue))
