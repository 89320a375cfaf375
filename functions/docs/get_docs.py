"""GET /docs: anyone reads about this API, and tries it."""

from pathlib import Path

from aws_lambda_powertools.event_handler import Response

from commerce.entrypoints.http import http_api, lambda_handler
from commerce.entrypoints.pages import HTML, serve_page

PAGE = Path(__file__).with_name("page.html")

api = http_api()


@api.get("/docs")
def get_docs() -> Response[str]:
    return serve_page(PAGE)


handler = lambda_handler(api, media_type=HTML)
