"""DELETE /sessions/{session_id}: a user signs out elsewhere."""

from aws_lambda_powertools.event_handler import Response

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import USER, Buyer, http_api, lambda_handler, no_content
from commerce.user.sessions import SessionFacade, SessionNotFound

api = http_api()


@api.delete("/sessions/<session_id>")
def end_session(session_id: str, buyer: Buyer) -> Response[None]:
    in_transaction(SessionFacade.end, session_id, user_id=buyer.user_id)
    return no_content()


handler = lambda_handler(api, access=USER, success=(204,), refusals=(SessionNotFound,))
