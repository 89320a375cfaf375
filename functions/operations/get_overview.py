"""GET /admin/overview: an operator sees what is wrong now."""

from commerce.app.operations import OverviewView, overview
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler

api = http_api()


@api.get("/admin/overview")
def get_overview(staff: Staff) -> OverviewView:  # noqa: ARG001
    return overview()


handler = lambda_handler(api, access=Scope.OPS)
