"""DELETE /sessions: a user signs out everywhere."""

from aws_lambda_powertools.event_handler import Response

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import USER, Buyer, http_api, lambda_handler, no_content
from commerce.user.sessions import SessionFacade

api = http_api()


@api.delete("/sessions")
def end_sessions(buyer: Buyer) -> Response[None]:
    in_transaction(SessionFacade.end_all, user_id=buyer.user_id)
    return no_content()


handler = lambda_handler(api, access=USER, success=(204,))
