"""GET /admin/dead-letters: an operator sees which queues have dead letters."""

from commerce.entrypoints.http import ADMIN, Admin, http_api, lambda_handler
from commerce.operations import QueuesView, queues

api = http_api()


@api.get("/admin/dead-letters")
def list_queues(admin: Admin) -> QueuesView:  # noqa: ARG001
    return queues()


handler = lambda_handler(api, access=ADMIN)
