"""GET /drops/{drop_id}/proof: anyone downloads what proves the order of a drop."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from commerce.app.transactions import in_transaction
from commerce.drop import DropFacade, DropNotFound, DropNotSealed, ProofView
from commerce.entrypoints.http import Cursor, http_api, lambda_handler

LONGEST_PAGE = 10_000  # entries, and log records; about 2 MB of JSON

api = http_api()


@api.get("/drops/<drop_id>/proof")
def get_drop_proof(
    drop_id: str,
    limit: Annotated[
        int, Query(ge=1, le=LONGEST_PAGE, description="How many entries, and log records")
    ] = LONGEST_PAGE,
    cursor: Cursor = None,
) -> ProofView:
    return in_transaction(DropFacade.proof, drop_id, limit=limit, after=cursor)


handler = lambda_handler(api, refusals=(DropNotFound, DropNotSealed))
