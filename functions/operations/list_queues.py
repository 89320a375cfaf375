"""GET /admin/dead-letters: an operator sees which queues have dead letters."""

from commerce.app.operations import QueuesView, queues
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler

api = http_api()


@api.get("/admin/dead-letters")
def list_queues(staff: Staff) -> QueuesView:  # noqa: ARG001
    return queues()


handler = lambda_handler(api, access=Scope.OPS)
