"""POST /sessions/refresh: a client exchanges its refresh token for new tokens."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import http_api, lambda_handler
from commerce.entrypoints.telemetry import logger
from commerce.runtime.tokens import SessionEnded
from commerce.user.sessions import RefreshSession, SessionFacade, TokensView

api = http_api()


@api.post("/sessions/refresh")
def refresh_session(command: RefreshSession) -> TokensView:
    refreshed = in_transaction(SessionFacade.refresh, command)
    logger.append_keys(**refreshed.account)
    if refreshed.is_reuse:
        logger.warning("a refresh token was used again; its session has ended")
    return refreshed.view()


handler = lambda_handler(api, refusals=(SessionEnded,))
