"""GET /drops: anyone sees the drops, newest first."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from commerce.app.transactions import in_transaction
from commerce.drop import DropFacade, DropView, PublicState
from commerce.entrypoints.http import Cursor, Limit, http_api, lambda_handler
from commerce.shared.schemas import Page

api = http_api()


@api.get("/drops")
def list_drops(
    state: Annotated[PublicState | None, Query(description="Those only")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Page[DropView]:
    return in_transaction(DropFacade.list, state=state, limit=limit, after=cursor)


handler = lambda_handler(api)
