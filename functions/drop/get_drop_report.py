"""GET /drops/{drop_id}/report: anyone sees what became of a drop that is over."""

from commerce.app.transactions import in_transaction
from commerce.drop import DropFacade, DropNotClosed, DropNotFound, ReportView
from commerce.entrypoints.http import http_api, lambda_handler

api = http_api()


@api.get("/drops/<drop_id>/report")
def get_drop_report(drop_id: str) -> ReportView:
    return in_transaction(DropFacade.report, drop_id)


handler = lambda_handler(api, refusals=(DropNotFound, DropNotClosed))
