"""GET /docs: anyone reads about this API, and tries it."""

from pathlib import Path

from aws_lambda_powertools.event_handler import Response

from commerce.entrypoints.http import file_of_ours, http_api, lambda_handler

PAGE = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
HTML = "text/html; charset=utf-8"
# Everything comes from where the page does, and nothing else is let in; the one exception is
# Swagger UI's icons, which its style sheet holds as data.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

api = http_api()


@api.get("/docs")
def get_docs() -> Response[str]:
    policy = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
    return file_of_ours(PAGE, HTML, **policy)


handler = lambda_handler(api, media_type=HTML)
