"""GET /docs/{asset}: the scripts and the style of the page at /docs."""

from functools import cache
from pathlib import Path

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi import swagger_ui

from commerce.entrypoints.http import PathNotFound, file_of_ours, http_api, lambda_handler

OURS = Path(__file__).parent
SWAGGER_UI = Path(swagger_ui.__file__).parent  # Powertools carries it: the lock file pins it
ASSETS = {
    "start.js": (OURS, "text/javascript; charset=utf-8"),
    "swagger-ui-bundle.min.js": (SWAGGER_UI, "text/javascript; charset=utf-8"),
    "swagger-ui.min.css": (SWAGGER_UI, "text/css; charset=utf-8"),
}

api = http_api()


@cache
def text_of(asset: str) -> str:
    return (ASSETS[asset][0] / asset).read_text(encoding="utf-8")


@api.get("/docs/<asset>")
def get_docs_asset(asset: str) -> Response[str]:
    if asset not in ASSETS:
        raise PathNotFound
    return file_of_ours(text_of(asset), ASSETS[asset][1])


handler = lambda_handler(api, refusals=(PathNotFound,), media_type="text/*")
