"""GET /drops/{drop_id}: anyone sees a drop; those who wait poll it."""

from aws_lambda_powertools.event_handler import Response

from commerce.app.transactions import in_transaction
from commerce.drop import DropFacade, DropNotFound, DropView
from commerce.entrypoints.http import JSON, http_api, lambda_handler

POLLED_SECONDS = 2  # docs/drops.md: a cache in front may answer for so long, the same for everybody

api = http_api()


@api.get("/drops/<drop_id>")
def get_drop(drop_id: str) -> Response[DropView]:
    drop = in_transaction(DropFacade.get, drop_id)
    return Response(200, JSON, drop, {"Cache-Control": f"public, max-age={POLLED_SECONDS}"})


handler = lambda_handler(api, refusals=(DropNotFound,))
