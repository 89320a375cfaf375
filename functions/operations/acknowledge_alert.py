"""POST /admin/alerts/{alert_id}/acknowledgement: an operator says that they look after an alert."""

from aws_lambda_powertools.event_handler import Response

from commerce.app import operations
from commerce.app.operations import AcknowledgeAlert, AlertNotFound, AlertView
from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import IfMatch, Scope, Staff, http_api, lambda_handler, with_etag

api = http_api()


@api.post("/admin/alerts/<alert_id>/acknowledgement")
def acknowledge_alert(
    alert_id: str, command: AcknowledgeAlert, staff: Staff, if_match: IfMatch
) -> Response[AlertView]:
    alert = in_transaction(
        operations.acknowledge_alert, alert_id, command, by=staff.by, if_match=if_match
    )
    return with_etag(alert, alert.version)


handler = lambda_handler(api, access=Scope.OPS, refusals=(AlertNotFound,))
