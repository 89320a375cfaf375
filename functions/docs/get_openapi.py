"""GET /openapi.json: anyone reads what this API takes, and what it answers."""

from pathlib import Path

from aws_lambda_powertools.event_handler import Response

from commerce.entrypoints.http import JSON, http_api, lambda_handler, static_file

DOCUMENT = Path(__file__).with_name("openapi.json").read_text(encoding="utf-8")

api = http_api()


@api.get("/openapi.json")
def get_openapi() -> Response[str]:
    return static_file(DOCUMENT, JSON)


handler = lambda_handler(api)
