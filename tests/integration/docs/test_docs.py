"""The document and its page, as the functions serve them."""

import json
import re
from html.parser import HTMLParser

import pytest

from infra.openapi.files import DOCUMENT
from tests.support.lambda_calls import function, http_event, lambda_context


def get(name: str, path: str, **headers: str) -> tuple[int, str, dict[str, str]]:
    """Status, body as it is, and headers of a GET."""
    answer = function(name)(http_event("GET", path, headers=headers), lambda_context())
    found = {key.lower(): values[-1] for key, values in answer["multiValueHeaders"].items()}
    return answer["statusCode"], answer["body"], found


class Page(HTMLParser):
    """Collects what a page loads, and its inline scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.inline: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note scripts, styles and whatever else has an address."""
        given = dict(attrs)
        self.loaded += [str(given[name]) for name in ("src", "href") if given.get(name)]
        is_inline = (tag == "script" and "src" not in given) or tag == "style" or "style" in given
        if is_inline or any(name.startswith("on") for name in given):
            self.inline.append(tag)


def test_the_committed_document_is_served_unchanged() -> None:
    status, body, headers = get("pages/get_page", "/openapi.json")
    assert status == 200
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == json.loads(DOCUMENT.read_text(encoding="utf-8"))


def test_a_document_with_a_matching_etag_is_not_sent_again() -> None:
    _, _, headers = get("pages/get_page", "/openapi.json")
    again = get("pages/get_page", "/openapi.json", **{"If-None-Match": headers["etag"]})
    assert again[:2] == (304, "")


def test_the_docs_page_and_its_policy_allow_only_own_files() -> None:
    status, html, headers = get("pages/get_page", "/docs")
    page = Page(html)
    assert status == 200
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["x-content-type-options"] == "nosniff"
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert page.inline == []
    assert not [each for each in page.loaded if re.match(r"(https?:)?//", each)]


def test_every_file_that_the_docs_page_loads_exists() -> None:
    _, html, _ = get("pages/get_page", "/docs")
    assets = [each for each in Page(html).loaded if each.startswith("docs/")]
    assert len(assets) == 4
    for asset in assets:
        status, text, headers = get("pages/get_page", f"/{asset}")
        assert status == 200
        wanted = "text/css" if asset.endswith("css") else "text/javascript"
        assert headers["content-type"] == f"{wanted}; charset=utf-8"
        assert text


def test_a_request_with_the_example_key_gets_a_new_key() -> None:
    _, script, _ = get("pages/get_page", "/docs/start.js")
    document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    [example] = [
        each["example"]
        for each in document["paths"]["/orders"]["post"]["parameters"]
        if each["name"] == "Idempotency-Key"
    ]
    assert f'EXAMPLE_KEY = "{example}"' in script


@pytest.mark.parametrize("asset", ["nothing.js", "page.html", "openapi.json", "../order.py", ".."])
def test_no_other_file_is_served(asset: str) -> None:
    status, body, _ = get("pages/get_page", f"/docs/{asset}")
    assert status == 404
    assert json.loads(body)["code"] == "NOT_FOUND"
