"""GET /sessions: a user sees where they are signed in."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import USER, Buyer, http_api, lambda_handler
from commerce.shared.schemas import Page
from commerce.user.sessions import SessionFacade, SessionView

api = http_api()


@api.get("/sessions")
def list_sessions(buyer: Buyer) -> Page[SessionView]:
    return in_transaction(SessionFacade.list, identity=buyer)


handler = lambda_handler(api, access=USER)
