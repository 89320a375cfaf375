"""Hostile requests over real HTTP: what the gateway hands through is not what one makes by hand.

Encoded paths, headers that come twice and bytes that are no text arrive in forms of the gateway's
own. The judge is that of `make fuzz`: an answer is right if the document has it.
"""

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.core.result import Ok

from infra.openapi.files import DOCUMENT
from tests.e2e.caller import READ_TIMEOUT_SECONDS, a_key
from tests.e2e.shop import Buyer, Shop
from tests.harness.fuzz.conformance import problem_with
from tests.harness.fuzz.hostile_values import PATHS, WORDS
from tests.harness.fuzz.modes import modes_of

Headers = Sequence[tuple[str, str | bytes]]

IN_A_PATH = [
    ("GET", "/products/{product_id}"),
    ("PUT", "/products/{product_id}/like"),
    ("GET", "/orders/{order_id}"),
    ("POST", "/orders/{order_id}/cancellation"),
    ("POST", "/coupons/{coupon_id}/issues"),
]
IN_A_QUERY = [
    ("/products", "brand_id"),
    ("/products", "cursor"),
    ("/rankings", "at"),
    ("/users/me/coupons", "status"),
]
FRONT_DOOR = {400, 403, 404, 405, 413, 414, 431}
"""Statuses with which an HTTP server itself refuses what is not a valid request."""
CHARGES = "/users/me/points/charges"


@dataclass(frozen=True, slots=True)
class Reply:
    """A raw HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> Any:
        """The problem's code."""
        return json.loads(self.body).get("code")

    @classmethod
    def of(cls, response: HTTPResponse) -> "Reply":
        """Read it to its end."""
        headers = {name.lower(): value for name, value in response.getheaders()}
        return cls(response.status, headers, response.read())


def send(
    shop: Shop, method: str, path: str, headers: Headers = (), body: bytes | None = None
) -> Reply:
    """The very bytes: nobody tidies up the path, the headers or the body on their way."""
    base = urlsplit(shop.stack.addresses.api_url)
    connection = HTTPConnection(base.hostname or "", base.port, timeout=READ_TIMEOUT_SECONDS)
    try:
        connection.putrequest(method, base.path + path, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        return Reply.of(connection.getresponse())
    finally:
        connection.close()


def wrong_with(reply: Reply, method: str, path: str) -> str | None:
    """Return what is wrong with the answer to an operation; a server's own refusal is accepted."""
    if "x-request-id" not in reply.headers:
        return None if reply.status in FRONT_DOOR else f"{reply.status} of nobody's"
    said = problem_with(method, path, reply.status, reply.headers, reply.body)
    if said and reply.status in FRONT_DOOR and "problem+json" in reply.headers["content-type"]:
        return None  # the gateway's own: there is nothing at such a path
    return said


def bearer(buyer: Buyer) -> tuple[str, str]:
    return "Authorization", f"Bearer {buyer.api.token}"


def charge(shop: Shop, buyer: Buyer, body: bytes, *more: tuple[str, str | bytes]) -> Reply:
    """POST /users/me/points/charges, with a new key unless there is one among the headers."""
    given = {name for name, _ in more}
    mine: list[tuple[str, str | bytes]] = [bearer(buyer)] * ("Authorization" not in given)
    key = [("Idempotency-Key", a_key())] * ("Idempotency-Key" not in given)
    return send(shop, "POST", CHARGES, [*mine, *key, *more], body)


def operations() -> dict[str, Any]:
    """Every operation of the document, by its name there."""
    every = schemathesis.openapi.from_path(DOCUMENT).get_all_operations()
    return {each.ok().label: each.ok() for each in every if isinstance(each, Ok)}


OPERATIONS = operations()


def leads_elsewhere(shop: Shop, word: str) -> bool:
    """Return whether a path with this word as a parameter leads to another route."""
    cut_off = shop.stack.is_on_free_localstack and word.startswith(";")  # it takes no parameters
    return cut_off or word.replace("%2e", ".") in ("", ".", "..")


def encoded() -> Iterator[str]:
    for word in WORDS:
        yield quote(word, safe="", errors="surrogatepass")[:6_000]
    for path in PATHS:
        yield path.replace("#", "%23").replace("?", "%3F")[:6_000]


@pytest.mark.parametrize(("method", "path"), IN_A_PATH)
def test_no_path_value_causes_a_500(shop: Shop, buyer: Buyer, method: str, path: str) -> None:
    found = []
    with shop.nothing_moves(buyer):
        for word in encoded():
            name = path[path.index("{") : path.index("}") + 1]
            reply = send(shop, method, path.replace(name, word), [bearer(buyer)], b"")
            if leads_elsewhere(shop, word) and reply.status < 500:
                continue
            if said := wrong_with(reply, method, path):
                found.append((word[:80], reply.status, said))

    assert found == []


@pytest.mark.parametrize(("path", "name"), IN_A_QUERY)
def test_no_query_value_causes_a_500(shop: Shop, buyer: Buyer, path: str, name: str) -> None:
    queries = [f"{name}={word}" for word in encoded()]
    queries += [f"{name}=a&{name}=b", f"{name}[]=a", name, "&&&", "%00=%00", "limit=1&limit=2"]
    found = []
    for query in queries:
        reply = send(shop, "GET", f"{path}?{query}", [bearer(buyer)])
        if said := wrong_with(reply, "GET", path):
            found.append((query[:80], reply.status, said))

    assert found == []


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(b'{"amount": 1}', mtime=0),
        '{"amount": 1}'.encode("utf-16"),
        b'\xef\xbb\xbf{"amount": 1}',
        b'{"amount": 1, "\xff": 1}',
        b'{"amount": 1, "amount": 2}',
        b'{"amount": 1}\x00',
        b"\x00\x01\x02\xff",
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("media_type", ["application/json", "application/octet-stream"])
def test_a_body_that_is_not_json_charges_nothing(
    shop: Shop, buyer: Buyer, body: bytes, media_type: str
) -> None:
    more: list[tuple[str, str | bytes]] = [("Content-Type", media_type)]
    if body[:2] == b"\x1f\x8b":
        if shop.stack.is_on_free_localstack:
            pytest.skip("LocalStack unpacks a body before a function sees it: it is a good request")
        more.append(("Content-Encoding", "gzip"))

    with shop.nothing_moves(buyer):
        reply = charge(shop, buyer, body, *more)

    # An emulator may hand on what is no UTF-8 as a sign that says so: then it is an unknown field.
    may_be_mended = body.endswith(b'"\xff": 1}') and reply.status == 422
    assert (reply.status, reply.code) == (400, "MALFORMED_JSON") or may_be_mended


@pytest.mark.parametrize("number", [b"1.0", b"1e2", b"-0", b"true", b"1e400", b'"1"', b"9" * 300])
def test_an_invalid_number_charges_nothing(shop: Shop, buyer: Buyer, number: bytes) -> None:
    with shop.nothing_moves(buyer):
        reply = charge(shop, buyer, b'{"amount": %s}' % number)

    assert (reply.status, reply.code) == (422, "VALIDATION_FAILED")


def test_two_different_idempotency_keys_are_refused(shop: Shop, buyer: Buyer) -> None:
    keys = [("Idempotency-Key", a_key()), ("Idempotency-Key", a_key())]
    with shop.nothing_moves(buyer):
        reply = charge(shop, buyer, b'{"amount": 1}', *keys)

    assert (reply.status, reply.code) == (400, "IDEMPOTENCY_KEY_INVALID")


def test_two_different_tokens_are_refused(shop: Shop, buyer: Buyer) -> None:
    stranger = shop.new_buyer()
    with shop.nothing_moves(buyer), shop.nothing_moves(stranger):
        reply = charge(shop, buyer, b'{"amount": 1}', bearer(buyer), bearer(stranger))

    assert reply.status == 401


@pytest.mark.parametrize("value", [b"\xe9", b"\xff\xfe", b"a\tb", b"a" * 6_000, b"%0d%0aX-A: 1"])
@pytest.mark.parametrize("name", ["Idempotency-Key", "If-None-Match", "Authorization", "X-Odd"])
def test_no_header_value_causes_a_500(shop: Shop, buyer: Buyer, name: str, value: bytes) -> None:
    mine = [bearer(buyer)] * (name != "Authorization")
    headers: Headers = [*mine, (name, value)]

    charged = send(shop, "POST", CHARGES, headers, b'{"amount": true}')
    looked = send(shop, "GET", "/users/me/points", headers)

    assert wrong_with(charged, "POST", CHARGES) is None
    assert wrong_with(looked, "GET", "/users/me/points") is None
    assert 400 <= charged.status < 500
    assert "x-a" not in charged.headers


@pytest.mark.parametrize("operation", OPERATIONS)
def test_valid_and_invalid_requests_get_documented_answers(
    shop: Shop, buyer: Buyer, operation: str
) -> None:
    """Made from the document, by schemathesis; the caller is a buyer, and an admin who looks on."""
    asked, found = OPERATIONS[operation], list[object]()
    token = shop.admin.token if operation.startswith("GET /admin") else buyer.api.token

    @settings(
        max_examples=3,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of([asked.as_strategy(generation_mode=each) for each in modes_of(asked)]))
    def try_it(case: Case[Any]) -> None:
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": a_key()}
        url = shop.stack.addresses.api_url
        response = case.call(base_url=url, headers=headers, timeout=READ_TIMEOUT_SECONDS)
        told = {name.lower(): values[-1] for name, values in response.headers.items()}
        reply = Reply(response.status_code, told, response.content)
        if said := wrong_with(reply, asked.method.upper(), asked.path):
            found.append((case.as_curl_command(), reply, said))

    try_it()
    assert found == []
