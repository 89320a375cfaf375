"""The document and its page, from the deployed stack."""

import json

from infra.openapi.files import DOCUMENT
from tests.e2e.shop import Shop


def test_the_stack_serves_the_committed_document(shop: Shop) -> None:
    served = shop.anyone.send("GET", "/openapi.json").require(200)

    assert served == json.loads(DOCUMENT.read_text(encoding="utf-8"))


def test_the_docs_page_loads_everything_from_the_stack(shop: Shop) -> None:
    page = shop.anyone.send("GET", "/docs")
    bundle = shop.anyone.send("GET", "/docs/swagger-ui-bundle.min.js")
    style = shop.anyone.send("GET", "/docs/swagger-ui.min.css")
    start = shop.anyone.send("GET", "/docs/start.js")

    assert [each.status for each in (page, bundle, style, start)] == [200, 200, 200, 200]
    assert page.headers["Content-Type"].startswith("text/html")
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert 'src="docs/swagger-ui-bundle.min.js"' in page.text
    assert "SwaggerUIBundle" in bundle.text
    assert "SwaggerUIBundle" in start.text
    assert ".swagger-ui" in style.text


def test_a_file_that_the_page_does_not_use_is_not_served(shop: Shop) -> None:
    shop.anyone.send("GET", "/docs/page.html").require_problem(404, "NOT_FOUND")
