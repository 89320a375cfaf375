"""GET /admin/dead-letters/{queue}: an operator reads the dead letters of a queue."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from commerce.app.operations import QueueDeadLettersView, QueueNotFound, dead_letters_of
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler

api = http_api()
Limit = Annotated[int, Query(ge=1, le=50, description="How many dead letters, 1 to 50")]


@api.get("/admin/dead-letters/<queue>")
def list_dead_letters(
    queue: str,
    staff: Staff,  # noqa: ARG001
    limit: Limit = 20,
) -> QueueDeadLettersView:
    return dead_letters_of(queue, limit)


handler = lambda_handler(api, access=Scope.OPS, refusals=(QueueNotFound,))
