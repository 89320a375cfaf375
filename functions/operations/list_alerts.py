"""GET /admin/alerts, …/trends: an operator sees what was alerted, and how the day went."""

from commerce.app.operations import AlertView, alerts_of_a_week
from commerce.app.transactions import in_transaction
from commerce.app.trends import TrendsView, trends
from commerce.entrypoints.http import Cursor, Limit, Scope, Staff, http_api, lambda_handler
from commerce.shared.schemas import Page

api = http_api()


@api.get("/admin/alerts")
def list_alerts(limit: Limit = 20, cursor: Cursor = None) -> Page[AlertView]:
    """Read what was alerted in seven days, with who acknowledged or silenced it."""
    return in_transaction(alerts_of_a_week, limit=limit, after=cursor)


@api.get("/admin/trends")
def get_trends(staff: Staff) -> TrendsView:  # noqa: ARG001
    """Read the last 24 hours by slots of five minutes, and the deploys in them."""
    return trends()


handler = lambda_handler(api, access=Scope.OPS)
