"""Checks and headers that every HTTP function adds before and after its route."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from commerce.runtime import tokens
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from commerce.runtime.health import SCHEMA_REVISION
from commerce.shared import clock
from commerce.shared.scopes import Scope
from infra.local.ports import LOOPBACK, Ports
from tests.support.lambda_calls import Answer, call, function, http_event, lambda_context
from tests.support.shop import a_buyer, a_key, a_product, an_admin, balance_of, rows, stock_of

pytestmark = pytest.mark.usefixtures("shop_environment")

LIMIT = 256 * 1024
PROBLEM = {"type", "title", "status", "detail", "code", "request_id"}
Logged = Callable[[], list[dict[str, Any]]]


def handle(name: str, event: dict[str, Any]) -> Answer:
    """The answer to an event as it stands."""
    answer = function(name)(event, lambda_context())
    json.dumps(answer).encode()  # as the runtime sends it
    answer["body"].encode()
    headers = {name.lower(): values[-1] for name, values in answer["multiValueHeaders"].items()}
    return Answer(answer["statusCode"], json.loads(answer["body"]), headers)


def register(raw: str | None, token: str | None = None, **headers: str) -> Answer:
    """POST /admin/brands with a body as it stands."""
    sent_by = an_admin().token if token is None else token
    return call(
        "brand/register_brand",
        "POST",
        "/admin/brands",
        raw_body=raw,
        token=sent_by,
        headers=headers,
    )


def a_brand(padding: str = "") -> str:
    return json.dumps({"name": "Acme", "description": padding}, ensure_ascii=False)


def assert_problem(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.json["status"], answer.json["code"]) == (status, status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.json) - {"errors"} == PROBLEM
    assert answer.json["type"] == f"urn:lastunit:problem:{code.lower().replace('_', '-')}"
    assert answer.json["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "raw",
    [
        "{",
        "nul",
        "{'name': 'Acme'}",
        '{"name": "Acme"} x',
        '{"name": "Acme",}',
        '{"name": NaN}',
        '{"name": Infinity}',
        '{"name": -Infinity}',
        '{"name": "a\nb"}',
        "\ufeff{}",
        "\x00",
        "\ud800",
        "[" * 100_000,
        '{"name": ' + "9" * 5_000 + "}",
    ],
    ids=lambda raw: ascii(raw)[:20],
)
def test_a_body_that_is_not_json_is_malformed(raw: str) -> None:
    assert_problem(register(raw), 400, "MALFORMED_JSON")


@pytest.mark.parametrize("inner", ["[]", '{"a": 1}'])
def test_deeply_nested_json_causes_no_500(inner: str) -> None:
    # Just below the interpreter's limit, and far beyond it.
    for depth in (*range(800, 1000, 4), 3_000, 10_000, 100_000):
        raw = '{"name": ' + "[" * depth + inner + "]" * depth + "}"
        assert order_with(a_key(), raw).status in (400, 422), depth


@pytest.mark.parametrize("raw", [None, "", "null", "[]", "1", '"Acme"', "1e999", "true"])
def test_json_that_is_not_an_object_is_a_validation_error(raw: str | None) -> None:
    answer = register(raw)
    assert_problem(answer, 422, "VALIDATION_FAILED")
    assert [error["field"] for error in answer.json["errors"]] == ["body"]


@pytest.mark.parametrize(
    "media_type",
    ["application/json; charset=utf-8", "APPLICATION/JSON", "application/x-www-form-urlencoded",
     "text/plain", "json", ""],
)  # fmt: skip
def test_a_body_is_read_as_json_whatever_its_media_type(media_type: str) -> None:
    assert register(a_brand(), **{"Content-Type": media_type}).status == 201
    assert_problem(register("name=Acme", **{"Content-Type": media_type}), 400, "MALFORMED_JSON")


def test_a_body_without_a_media_type_is_read_as_json() -> None:
    event = http_event("POST", "/admin/brands", raw_body=a_brand(), token=an_admin().token)
    del event["headers"]["Content-Type"], event["multiValueHeaders"]["Content-Type"]
    assert handle("brand/register_brand", event).status == 201


@pytest.mark.parametrize("letter", ["x", "\N{ANCHOR}"])
def test_a_body_over_256_kb_is_too_large(letter: str) -> None:
    room = LIMIT - len(a_brand().encode())
    width = len(letter.encode())
    full = a_brand(letter * (room // width) + "x" * (room % width))
    assert len(full.encode()) == LIMIT
    assert_problem(register(full), 422, "VALIDATION_FAILED")  # the description has 2,000 letters
    assert_problem(register(full + " "), 413, "BODY_TOO_LARGE")


def encoded(body: bytes) -> dict[str, Any]:
    event = http_event("POST", "/admin/brands", raw_body="", token=an_admin().token)
    return {**event, "body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def test_a_base64_body_is_read() -> None:
    answer = handle("brand/register_brand", encoded(a_brand("\N{ANCHOR}").encode()))
    assert (answer.status, answer.json["description"]) == (201, "\N{ANCHOR}")


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"\x80abc"])
def test_a_base64_body_that_is_not_json_is_malformed(body: bytes) -> None:
    assert_problem(handle("brand/register_brand", encoded(body)), 400, "MALFORMED_JSON")


@pytest.mark.parametrize(
    "text",
    [
        "!",
        "e30",
        "e30=e30=",
        "\N{ANCHOR}",
    ],
)
def test_a_body_that_is_not_base64_is_malformed(text: str) -> None:
    event = {**encoded(b""), "body": text}
    assert_problem(handle("brand/register_brand", event), 400, "MALFORMED_JSON")


@pytest.mark.parametrize("size", [LIMIT + 1, 2 * LIMIT])
def test_a_base64_body_over_256_kb_is_too_large(size: int) -> None:
    body = a_brand("x" * (size - len(a_brand()))).encode()
    assert len(body) == size
    assert_problem(handle("brand/register_brand", encoded(body)), 413, "BODY_TOO_LARGE")


def test_authentication_is_checked_before_the_request_body() -> None:
    for raw in ("{", "{}", "x" * (LIMIT + 1)):
        assert_problem(register(raw, token=""), 401, "NOT_SIGNED_IN")
        assert_problem(register(raw, token="forged"), 401, "INVALID_TOKEN")
        refused = register(raw, token=a_buyer().token)
        assert (refused.status, refused.json["code"]) == (403, "MISSING_SCOPE")


def test_a_missing_token_is_answered_with_www_authenticate() -> None:
    assert register("{}", token="").headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("name", "method", "path"),
    [
        ("order/place_order", "POST", "/orders"),
        ("order/list_orders", "GET", "/orders"),
        ("order/get_order", "GET", "/orders/018f0000-0000-7000-8000-0000deadbeef"),
        ("product/register_product", "POST", "/admin/products"),
        ("product/set_stock", "PUT", "/admin/products/1/stock"),
        ("brand/register_brand", "POST", "/admin/brands"),
        ("point/get_my_points", "GET", "/users/me/points"),
        ("point/charge_points", "POST", "/users/me/points/charges"),
        ("user/get_me", "GET", "/users/me"),
    ],
)
def test_an_unknown_token_is_refused(
    name: str, method: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_problem(call(name, method, path, key=a_key()), 401, "NOT_SIGNED_IN")
    monkeypatch.setenv("TOKEN_LIFETIME_SECONDS", "-60")
    expired = tokens.sign(clock.new_id(), frozenset({Scope.ADMIN}))
    assert_problem(call(name, method, path, key=a_key(), token=expired), 401, "TOKEN_EXPIRED")


def order_with(key: str | None, raw: str, **headers: str) -> Answer:
    return call(
        "order/place_order",
        "POST",
        "/orders",
        raw_body=raw,
        key=key,
        token=a_buyer().token,
        headers=headers,
    )


def test_the_idempotency_key_is_checked_before_the_fields() -> None:
    assert_problem(order_with(None, '{"lines": []}'), 400, "IDEMPOTENCY_KEY_MISSING")
    assert_problem(order_with("short", '{"lines": []}'), 400, "IDEMPOTENCY_KEY_INVALID")
    assert_problem(order_with("x" * 65, '{"lines": []}'), 400, "IDEMPOTENCY_KEY_INVALID")
    assert_problem(order_with(None, "{"), 400, "MALFORMED_JSON")
    assert_problem(order_with(a_key(), '{"lines": []}'), 422, "VALIDATION_FAILED")


def test_every_bad_field_is_named() -> None:
    answer = order_with(a_key(), '{"lines": [{"product_id": 5}], "colour": "red"}')
    assert_problem(answer, 422, "VALIDATION_FAILED")
    assert {error["field"] for error in answer.json["errors"]} == {
        "lines.0.product_id",
        "lines.0.quantity",
        "payment_method",
        "colour",
    }
    assert all(error["message"] and error["code"] for error in answer.json["errors"])


@pytest.mark.parametrize(
    "name",
    [
        "colour",
        "body",
        "query",
        "path",
    ],
)
def test_an_unknown_field_of_any_name_is_named(name: str) -> None:
    answer = register(json.dumps({"name": "Acme", "more": {}, name: 1}))
    assert_problem(answer, 422, "VALIDATION_FAILED")
    assert [error["field"] for error in answer.json["errors"]] == ["more", name]


def test_an_event_without_headers_is_a_request_without_headers() -> None:
    event = http_event("POST", "/admin/brands", raw_body="{}")
    answer = handle("brand/register_brand", {**event, "headers": None, "multiValueHeaders": None})
    assert_problem(answer, 401, "NOT_SIGNED_IN")


def test_the_request_id_comes_from_api_gateway() -> None:
    event = http_event("GET", "/brands?limit=1")
    answer = handle("brand/list_brands", event)
    assert answer.headers["x-request-id"] == event["requestContext"]["requestId"]
    event["requestContext"] = None
    assert handle("brand/list_brands", event).headers["x-request-id"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/brand"), ("GET", "/brands/1/2"), ("POST", "/brands"), ("GET", "/")],
)
def test_an_unrouted_path_is_not_found(method: str, path: str) -> None:
    assert_problem(call("brand/list_brands", method, path), 404, "NOT_FOUND")


@pytest.mark.parametrize("path", ["/brand?colour=red", "/brands/%00?limit=", "/brands/%2e%2e%2f"])
@pytest.mark.parametrize("body", ["", '{"name": "Ann"}', "[]"])
def test_an_unrouted_path_is_not_found_whatever_is_sent(path: str, body: str) -> None:
    answer = call("brand/register_brand", "PUT", path, raw_body=body, token=an_admin().token)

    assert_problem(answer, 404, "NOT_FOUND")


def test_cors_headers_are_on_answers_and_refusals() -> None:
    origin = {"Origin": "https://shop.example"}
    token = an_admin().token
    allowed = {
        status: answer.headers.get("access-control-allow-origin")
        for answer in [
            register(a_brand(), token, **origin),
            register("{}", token, **origin),
            register("{", token, **origin),
            register("{}", "", **origin),
            register("{}", a_buyer().token, **origin),
        ]
        for status in [answer.status]
    }
    assert allowed == dict.fromkeys([201, 422, 400, 401, 403], "*")


def test_an_internal_error_is_logged_and_shows_no_detail(own_shop: str, logged: Logged) -> None:
    database().run([Query("ALTER TABLE brand RENAME COLUMN name TO inner_name")])
    event = http_event("GET", f"/brands/{clock.new_id()}")

    answer = handle("brand/get_brand", event)

    assert_problem(answer, 500, "INTERNAL_ERROR")
    for inner in ("inner", "column", "SELECT", "pg8000", "Traceback", "brand"):
        assert inner not in json.dumps(answer.json)
    [failed] = [line for line in logged() if line["level"] == "ERROR"]
    assert failed["correlation_id"] == event["requestContext"]["requestId"]
    assert "name" in failed["exception"]
    database().run([Query("ALTER TABLE brand RENAME COLUMN inner_name TO name")])
    assert handle("brand/get_brand", event).status == 404


def test_an_error_before_routing_is_a_problem_too(
    monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    buyer = a_buyer()
    monkeypatch.delenv("TOKEN_KEYS")
    monkeypatch.delenv("TOKEN_SECRET_ARN", raising=False)
    answer = call("order/list_orders", "GET", "/orders", token=buyer.token)
    assert_problem(answer, 500, "INTERNAL_ERROR")
    assert "TOKEN" not in json.dumps(answer.json)
    assert [line["level"] for line in logged()].count("ERROR") == 1


def test_an_unreachable_database_is_answered_503(
    own_shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://x:y@{LOOPBACK}:{Ports.free().postgres}/z")
    database().close()
    for answer in (
        call("brand/list_brands", "GET", "/brands"),
        order_with(a_key(), json.dumps({"lines": [{"product_id": "x", "quantity": 1}],
                                        "payment_method": "POINT"})),
    ):  # fmt: skip
        assert_problem(answer, 503, "UNAVAILABLE")
        assert answer.headers["retry-after"] == "2"
    monkeypatch.setenv("DATABASE_URL", own_shop)
    assert call("brand/list_brands", "GET", "/brands").status == 200


def test_health_names_version_and_schema(own_shop: str) -> None:
    answer = call("health/get_health", "GET", "/health")
    assert (answer.status, answer.json) == (
        200,
        {
            "status": "ok",
            "version": "test",
            "schema_revision": SCHEMA_REVISION,
            "expected_schema_revision": SCHEMA_REVISION,
        },
    )


@pytest.mark.parametrize(
    ("change", "revision"),
    [
        ("UPDATE alembic_version SET version_num = '0000'", "0000"),
        ("DELETE FROM alembic_version", None),
        ("DROP TABLE alembic_version", None),
    ],
)
def test_health_is_503_while_the_schema_is_behind(
    own_shop: str, change: str, revision: str | None
) -> None:
    database().run([Query(change)])
    answer = call("health/get_health", "GET", "/health")
    assert_unhealthy(answer, revision, "The schema is behind the code")


def assert_unhealthy(answer: Answer, revision: str | None, why: str) -> None:
    facts = {
        "version": "test",
        "schema_revision": revision,
        "expected_schema_revision": SCHEMA_REVISION,
    }
    assert {name: answer.json.pop(name) for name in facts} == facts
    assert why in answer.json["detail"]
    assert_problem(answer, 503, "NOT_HEALTHY")


def test_health_is_200_while_the_schema_is_newer_than_the_code(own_shop: str) -> None:
    database().run([Query("UPDATE alembic_version SET version_num = '9999'")])
    assert call("health/get_health", "GET", "/health").status == 200


def test_health_is_503_while_the_database_is_unreachable(
    own_shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://x:y@{LOOPBACK}:{Ports.free().postgres}/z")
    database().close()
    answer = call("health/get_health", "GET", "/health")
    assert_unhealthy(answer, None, "The database does not answer")


def test_a_warm_function_keeps_nothing_of_the_previous_request(logged: Logged) -> None:
    product, buyer, key = a_product(stock=5, price=0), a_buyer(), a_key()
    raw = json.dumps({"lines": [{"product_id": product, "quantity": 1}], "payment_method": "POINT"})
    sent: dict[str, Any] = {"raw_body": raw, "token": buyer.token}
    for _ in range(2):
        replayed = call("order/place_order", "POST", "/orders", key=key, **sent)
    assert replayed.headers["idempotency-replayed"] == "true"
    fresh = call("order/place_order", "POST", "/orders", key=a_key(), **sent)
    assert "idempotency-replayed" not in fresh.headers
    anonymous = call("brand/list_brands", "GET", "/brands?limit=1")
    assert "idempotency-replayed" not in anonymous.headers
    assert stock_of(product) == 3
    answered = [line for line in logged() if line["message"] == "answered"]
    assert ["user_id" in line for line in answered] == [True, True, True, False]
    assert rows("SELECT count(*) AS n FROM orders WHERE buyer_id = $1", buyer.user_id)[0].n == 2


def test_a_wrong_email_is_answered_with_a_plain_sentence() -> None:
    answer = call("user/sign_up", "POST", "/users", body={"email": "kim"})

    said = {each["field"]: each["message"] for each in answer.json["errors"]}
    assert said["email"] == "Must be an email address, such as name@example.com."


def test_a_wrong_parameter_is_answered_with_a_plain_sentence() -> None:
    answer = call("product/list_products", "GET", "/products?limit=ten&sort=best")

    assert {each["field"]: each["message"] for each in answer.json["errors"]} == {
        "limit": "Must be a whole number.",
        "sort": "Must be latest, price_asc or likes_desc.",
    }


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("product/list_products", "/products"),
        ("product/list_products", "/products?limit=0"),
        ("order/list_orders", "/orders"),
        ("health/get_health", "/health"),
        ("pages/get_page", "/openapi.json"),
        ("pages/get_page", "/nothing"),
    ],
)
def test_every_answer_forbids_browsers_to_guess_its_type(name: str, path: str) -> None:
    assert handle(name, http_event("GET", path)).headers["x-content-type-options"] == "nosniff"


def fields_refused(answer: Answer) -> list[tuple[str, str]]:
    return [(each["field"], each["code"]) for each in answer.json["errors"]]


@pytest.mark.parametrize(
    ("name", "path", "unknown"),
    [
        ("order/list_orders", "/orders?status=PENDING", ["status"]),
        ("product/list_products", "/products?q=x", ["q"]),
        ("product/list_products", "/products?limit=1&z=1&LIMIT=2&a=", ["LIMIT", "a", "z"]),
        ("brand/get_brand", "/brands/x?expand=1", ["expand"]),
        ("user/get_me", "/users/me?x", ["x"]),
        ("health/get_health", "/health?deep=1", ["deep"]),
        ("ranking/get_rankings", "/rankings?day=20260101", ["day"]),
        ("operations/get_overview", "/admin/overview?x=1", ["x"]),
    ],
)
def test_an_unknown_parameter_is_refused_and_named(
    name: str, path: str, unknown: list[str]
) -> None:
    answer = call(name, "GET", path, token=an_admin().token)

    assert_problem(answer, 422, "UNKNOWN_PARAMETER")
    assert [each["field"] for each in answer.json["errors"]] == unknown


def test_a_write_refuses_unknown_parameters_before_it_writes() -> None:
    path = "/users/me/points/charges?dry_run=true"
    buyer = a_buyer()

    answer = call(
        "point/charge_points", "POST", path, body={"amount": 1}, key=a_key(), token=buyer.token
    )

    assert_problem(answer, 422, "UNKNOWN_PARAMETER")
    assert balance_of(buyer.user_id) == 0


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("limit=1_0", "limit", "int_parsing"),
        ("limit=%2010", "limit", "int_parsing"),
        ("limit=%2B10", "limit", "int_parsing"),
        ("limit=10.0", "limit", "int_parsing"),
        ("limit=%EF%BC%91%EF%BC%90", "limit", "int_parsing"),
        ("limit=10&limit=20", "limit", "int_type"),
        ("limit=10&limit=10", "limit", "int_type"),
        ("brand_id=x&brand_id=y", "brand_id", "string_type"),
        ("sort=latest&sort=latest", "sort", "enum"),
        ("brand_id=", "brand_id", "empty"),
        ("sort=", "sort", "enum"),
    ],
)
def test_a_parameter_is_not_read_leniently(query: str, field: str, code: str) -> None:
    answer = call("product/list_products", "GET", f"/products?{query}")

    assert_problem(answer, 422, "VALIDATION_FAILED")
    assert fields_refused(answer) == [(field, code)]


@pytest.mark.parametrize("body", ['{"tracking_number": "1"}', "{}", "null", "1", '"x"'])
@pytest.mark.parametrize(
    ("name", "method", "path"),
    [
        ("coupon/issue_coupon", "POST", "/coupons/x/issues"),
        ("like/like_product", "PUT", "/products/x/like"),
        ("like/unlike_product", "DELETE", "/products/x/like"),
        ("order/list_orders", "GET", "/orders"),
    ],
)
def test_a_body_is_refused_where_none_is_taken(
    name: str, method: str, path: str, body: str
) -> None:
    answer = call(name, method, path, raw_body=body, token=an_admin().token)

    assert_problem(answer, 422, "VALIDATION_FAILED")
    assert fields_refused(answer) == [("body", "body_not_taken")]


def test_a_parameter_that_is_given_twice_is_refused_as_such() -> None:
    answer = call("product/list_products", "GET", "/products?limit=10&limit=10")

    assert [each["message"] for each in answer.json["errors"]] == ["May be given only once."]
