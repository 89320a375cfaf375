"""GET /console/{asset}: the scripts and the style of the page at /console."""

from pathlib import Path

from aws_lambda_powertools.event_handler import Response

from commerce.entrypoints.http import PathNotFound, http_api, lambda_handler
from commerce.entrypoints.pages import serve_asset

HERE = Path(__file__).parent
ASSETS = {file.name: HERE for file in HERE.iterdir() if file.suffix in (".js", ".css")}

api = http_api()


@api.get("/console/<asset>")
def get_console_asset(asset: str) -> Response[str]:
    return serve_asset(ASSETS, asset)


handler = lambda_handler(api, refusals=(PathNotFound,), media_type="text/*")
