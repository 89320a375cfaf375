"""GET /docs/{asset}: the scripts and the style of the page at /docs."""

from pathlib import Path

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi import swagger_ui

from commerce.entrypoints.http import PathNotFound, http_api, lambda_handler
from commerce.entrypoints.pages import serve_asset

HERE = Path(__file__).parent
SWAGGER_UI = Path(swagger_ui.__file__).parent  # Powertools carries it: the lock file pins it
ASSETS = {
    "start.js": HERE,
    "dark.css": HERE,
    "swagger-ui-bundle.min.js": SWAGGER_UI,
    "swagger-ui.min.css": SWAGGER_UI,
}

api = http_api()


@api.get("/docs/<asset>")
def get_docs_asset(asset: str) -> Response[str]:
    return serve_asset(ASSETS, asset)


handler = lambda_handler(api, refusals=(PathNotFound,), media_type="text/*")
