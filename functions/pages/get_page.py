"""GET /docs, /openapi.json, /console: the pages, and the scripts and styles that they load."""

from functools import cache
from pathlib import Path
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi import swagger_ui

from commerce.entrypoints.http import JSON, http_api, lambda_handler, static_file
from commerce.entrypoints.pages import HTML, serve_asset, serve_page

HERE = Path(__file__).parent
CONSOLE, DOCS = HERE / "console", HERE / "docs"
SWAGGER_UI = Path(swagger_ui.__file__).parent  # part of Powertools, whose version is pinned
RUNBOOKS = HERE / "runbooks"  # in the repository links to docs/runbooks
CONSOLE_ASSETS = {
    f.name: folder
    for folder in (CONSOLE, RUNBOOKS)
    for f in folder.iterdir()
    if f.suffix in (".js", ".css", ".md")
}
DOCS_ASSETS = {
    "start.js": DOCS,
    "dark.css": DOCS,
    "swagger-ui-bundle.min.js": SWAGGER_UI,
    "swagger-ui.min.css": SWAGGER_UI,
}

api = http_api()


def _described(tag: str, media_type: str, schema: str = "string") -> dict[str, Any]:
    content = {media_type: {"schema": {"type": schema}}}
    return {"tags": [tag], "responses": {200: {"description": "", "content": content}}}


@api.get("/docs", **_described("docs", HTML))
def get_docs() -> Response[str]:
    """Read about this API, and try it."""
    return serve_page(DOCS / "page.html")


@api.get("/docs/<asset>", **_described("docs", "text/*"))
def get_docs_asset(asset: str) -> Response[str]:
    """Load a script or the style sheet of the page at /docs."""
    return serve_asset(DOCS_ASSETS, asset)


@api.get("/openapi.json", **_described("docs", JSON, "object"))
def get_openapi() -> Response[str]:
    """Read what this API takes and what it answers, as OpenAPI 3.1."""
    return static_file(_document(), JSON)


@api.get("/console", **_described("console", HTML))
def get_console() -> Response[str]:
    """Load the operators' page; the data it shows needs an admin's token."""
    return serve_page(CONSOLE / "page.html")


@api.get("/console/<asset>", **_described("console", "text/*"))
def get_console_asset(asset: str) -> Response[str]:
    """Load a script or the style sheet of the page at /console, or a runbook that it links."""
    return serve_asset(CONSOLE_ASSETS, asset)


@cache
def _document() -> str:
    file = HERE.with_name("openapi.json")  # in the repository a link to docs/openapi.json
    return file.read_text(encoding="utf-8")


handler = lambda_handler(api)
