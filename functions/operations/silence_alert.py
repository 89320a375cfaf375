"""POST /admin/alerts/{alert_id}/silence: an operator hides an alert for a time."""

from aws_lambda_powertools.event_handler import Response

from commerce.app import operations
from commerce.app.operations import (
    AlertNotFound,
    AlertNotSilenceable,
    AlertView,
    SilenceAlert,
    SilenceRefused,
)
from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import IfMatch, Scope, Staff, http_api, lambda_handler, with_etag

api = http_api()


@api.post("/admin/alerts/<alert_id>/silence")
def silence_alert(
    alert_id: str, command: SilenceAlert, staff: Staff, if_match: IfMatch
) -> Response[AlertView]:
    alert = in_transaction(
        operations.silence_alert, alert_id, command, by=staff.by, if_match=if_match
    )
    return with_etag(alert, alert.version)


handler = lambda_handler(
    api, access=Scope.OPS, refusals=(AlertNotFound, AlertNotSilenceable, SilenceRefused)
)
