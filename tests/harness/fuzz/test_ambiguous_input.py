"""Texts, numbers and bodies that two readers may take for two different things."""

import base64
import gzip
import json
import unicodedata
from typing import Any

import pytest

from commerce.order.events import MAX_TOTAL
from tests.support.lambda_calls import Answer, call, function, http_event, lambda_context
from tests.support.payments import place_by_card
from tests.support.shop import Person, a_buyer, a_key, a_product, an_admin, balance_of, rows

pytestmark = pytest.mark.usefixtures("shop_environment", "cheap_hashes")

CHARGE = ("point/charge_points", "POST", "/users/me/points/charges")
TWINS = {
    "full-width letters": "ｃｏｙｏｔｅ",
    "full-width digits": "coyote１",
    "Arabic digits": "١٢٣",
    "a Cyrillic letter": "cоyote",
    "a letter with its accent apart": "coyote\u0301",
    "a letter with its accent": "coyoté",
    "a ligature": "ﬁsh",
    "the Kelvin sign": "\u212aim",
    "a dotted capital": "İstanbul",
    "a space of no width": "coyote\u200b",
    "a joiner": "coyo\u200dte",
    "an override": "\u202eetoyoc",
    "a mark of order": "\ufeffcoyote",
    "a line break": "coyote\n",
    "a NUL": "coyote\x00",
    "half a character": "coyote\ud800",
    "a space": "coyote ",
}


@pytest.fixture
def buyer() -> Person:
    return a_buyer()


def a_registration(**fields: Any) -> dict[str, Any]:
    login_id = a_key()[:10]
    return {
        "login_id": login_id,
        "password": "correct horse battery",
        "name": "Wile E. Coyote",
        "email": f"{login_id}@example.com",
        "birth_date": "1990-04-12",
        "gender": "OTHER",
        **fields,
    }


def sign_up(**fields: Any) -> Answer:
    return call("user/sign_up", "POST", "/users", body=a_registration(**fields))


def charge(buyer: Person, raw: str, *, is_base64: bool = False, **headers: list[str]) -> Answer:
    """POST /users/me/points/charges with the very text; its answer."""
    name, method, path = CHARGE
    event = http_event(method, path, raw_body=raw, token=buyer.token, key=a_key())
    event["isBase64Encoded"] = is_base64
    for header, values in headers.items():
        named = header.replace("_", "-")
        event["headers"][named], event["multiValueHeaders"][named] = values[-1], values
    answer = function(name)(event, lambda_context())
    return Answer(answer["statusCode"], json.loads(answer["body"]), answer["multiValueHeaders"])


@pytest.mark.parametrize("login_id", TWINS.values(), ids=TWINS)
def test_a_login_id_of_look_alike_characters_is_refused(login_id: str) -> None:
    answer = sign_up(login_id=login_id)

    assert answer.status == 422
    assert [each["field"] for each in answer.json["errors"]] == ["login_id"]


def test_a_login_id_is_case_insensitive() -> None:
    login_id = f"k{a_key()[:9]}"
    assert sign_up(login_id=login_id).status == 201

    assert sign_up(login_id=login_id.upper()).json["code"] == "LOGIN_ID_TAKEN"


@pytest.mark.parametrize("login_id", ["ｋ{}", "k{}\u200b", "k{}\u0301", "\ufeffk{}", "к{}"])
def test_a_look_alike_login_id_does_not_sign_in(login_id: str) -> None:
    rest = a_key()[:8]
    assert sign_up(login_id=f"k{rest}").status == 201
    body = {"login_id": login_id.format(rest), "password": "correct horse battery"}

    assert call("user/open_session", "POST", "/sessions", body=body).status == 401


@pytest.mark.parametrize(
    "name",
    [
        "김철수",
        "עברית",
        "مرحبا",
        "e\u0301",
        "é",
        "O\u2019Brien",
        "\u200fא\u200e",
        "👩\u200d🚀",
        "ﬁ",
    ],
)
def test_a_name_in_any_script_is_returned_in_nfc(name: str) -> None:
    email = f"é.김.{a_key()}@example.com"
    answer = sign_up(name=name, email=email)

    assert (answer.status, answer.json["name"]) == (201, unicodedata.normalize("NFC", name))
    assert answer.json["email"] == email


@pytest.mark.parametrize("field", ["name", "email"])
@pytest.mark.parametrize(
    "trick", ["\x00", "\ud800", "\r\nBcc: all", "\u0085", "\u2028", "\u202e", "\u2066", "\u009b"]
)
def test_misleading_characters_are_refused(field: str, trick: str) -> None:
    answer = sign_up(**{field: f"wile{trick}@example.com"})

    assert answer.status == 422
    assert [each["field"] for each in answer.json["errors"]] == [field]


@pytest.mark.parametrize(
    "raw",
    [
        '{"amount": 1, "amount": 1}',
        '{"amount": 1, "amount": 1000000}',
        '{"amount": 1, "amo\\u0075nt": 1000000}',
        '{"amount": 1, "more": {"a": 1, "a": 2}}',
        '\ufeff{"amount": 1}',
        '{"amount": 1}\x00',
        '{"amount": 1}{"amount": 1}',
        '{"amount": 01}',
        '{"amount": +1}',
        '{"amount": 1_000}',
        '{"amount": 0x10}',
        '{"amount": .5}',
        '{"amount": NaN}',
        '{"amount": -Infinity}',
        '{"amount": %s}' % ("9" * 5_000),
        "{'amount': 1}",
        '{"amount": 1,}',
        '{"amount": 1} // one',
    ],
)
def test_ambiguous_json_is_malformed(buyer: Person, raw: str) -> None:
    answer = charge(buyer, raw)

    assert (answer.status, answer.json["code"]) == (400, "MALFORMED_JSON")
    assert balance_of(buyer.user_id) == 0


@pytest.mark.parametrize(
    "number",
    ["1.0", "1e2", "1E+2", "100e-2", "-0", "-0.0", "0", "-1", "1e400", "-1e400", "1e1000000",
     "1e-400", "true", '"1"', "null", "[1]", '{"a": 1}', "9" * 300, "9007199254740993.0"],
)  # fmt: skip
def test_an_amount_in_another_notation_is_refused(buyer: Person, number: str) -> None:
    answer = charge(buyer, '{"amount": %s}' % number)  # noqa: UP031 - braces are JSON's here

    assert (answer.status, [each["field"] for each in answer.json["errors"]]) == (422, ["amount"])
    assert balance_of(buyer.user_id) == 0


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(b'{"amount": 1}', mtime=0),
        '{"amount": 1}'.encode("utf-16"),
        '{"amount": 1}'.encode("utf-32"),
        b'\xef\xbb\xbf{"amount": 1}',
        b'{"amount": 1, "\xc0\xaf": 1}',
        b'{"amount\xed\xa0\x80": 1}',
    ],
)
def test_a_body_that_is_not_utf_8_is_refused(buyer: Person, body: bytes) -> None:
    answer = charge(
        buyer,
        base64.b64encode(body).decode(),
        is_base64=True,
        Content_Encoding=["gzip"],
        Content_Type=["application/json; charset=utf-16"],
    )

    assert (answer.status, answer.json["code"]) == (400, "MALFORMED_JSON")
    assert balance_of(buyer.user_id) == 0


def test_two_different_idempotency_keys_are_refused(buyer: Person) -> None:
    answer = charge(buyer, '{"amount": 1}', Idempotency_Key=["first-key-1", "second-key-2"])

    assert (answer.status, answer.json["code"]) == (400, "IDEMPOTENCY_KEY_INVALID")
    assert balance_of(buyer.user_id) == 0


def test_the_same_idempotency_key_twice_is_accepted(buyer: Person) -> None:
    assert charge(buyer, '{"amount": 1}', Idempotency_Key=["first-key-1"] * 2).status == 201


def test_two_different_tokens_are_refused(buyer: Person) -> None:
    tokens = [f"Bearer {buyer.token}", f"Bearer {a_buyer().token}"]

    answer = charge(buyer, '{"amount": 1}', Authorization=tokens)

    assert (answer.status, answer.json["code"]) == (401, "INVALID_TOKEN")


@pytest.mark.parametrize(
    "key",
    [
        "ｋｅｙ-12345678",
        "k\u00e9y-12345678",
        "key-1234\u200b5678",
        "key 12345678",
        "k\x00y-12345678",
    ],
)
def test_a_look_alike_idempotency_key_is_refused(buyer: Person, key: str) -> None:
    answer = charge(buyer, '{"amount": 1}', Idempotency_Key=[key])

    assert (answer.status, answer.json["code"]) == (400, "IDEMPOTENCY_KEY_INVALID")


def test_idempotency_keys_are_case_sensitive(buyer: Person) -> None:
    for key in ("key-abcdefgh", "KEY-ABCDEFGH", " key-abcdefgh "):
        assert charge(buyer, '{"amount": 1}', Idempotency_Key=[key]).status == 201

    assert balance_of(buyer.user_id) == 2  # spaces around a header are none of it (RFC 9110 §5.5)


def test_an_order_of_thousands_of_lines_gets_a_short_refusal(buyer: Person) -> None:
    line = '{"product_id":"","quantity":0}'
    raw = f'{{"lines":[{",".join([line] * 8_000)}],"payment_method":"POINT"}}'
    order = ("order/place_order", "POST", "/orders")

    answer = call(*order, raw_body=raw, token=buyer.token, key=a_key())
    longer = call(*order, raw_body=raw.replace(line, "0"), token=buyer.token, key=a_key())
    too_long = call(*order, raw_body=raw.replace("0}", "0   }"), token=buyer.token, key=a_key())

    assert (answer.status, longer.status, too_long.status) == (422, 422, 413)
    assert len(answer.json["errors"]) <= 100


def test_a_body_of_unknown_fields_gets_a_short_refusal(buyer: Person) -> None:
    answer = charge(buyer, json.dumps({f"{number:x}": 0 for number in range(20_000)}))

    assert answer.status == 422
    assert len(answer.json["errors"]) == 100


def test_an_order_total_is_limited_to_exact_json_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_UNITS_PER_LINE", str(10**9))
    buyer, product = a_buyer(), a_product(stock=10**9, price=10**9)
    others = [a_product(stock=10**9, price=10**9) for _ in range(9)]

    answer = place_by_card(buyer, *((each, 10**9) for each in (product, *others)))
    most = place_by_card(buyer, (product, MAX_TOTAL // 10**9))
    too_much = place_by_card(buyer, (product, MAX_TOTAL // 10**9 + 1))

    assert (answer.status, answer.json["code"]) == (422, "ORDER_TOO_LARGE")
    assert [each["field"] for each in answer.json["errors"]] == ["lines"]
    assert most.status == 201
    assert (too_much.status, too_much.json["code"]) == (422, "ORDER_TOO_LARGE")
    sql = "SELECT count(*) AS n FROM orders WHERE buyer_id = $1"
    assert rows(sql, buyer.user_id)[0].n == 1


@pytest.mark.parametrize("query", ["limit=1&limit=2", "limit=1&limit=1000", "page=1&page=0"])
def test_a_repeated_query_parameter_is_refused(query: str) -> None:
    assert call("ranking/get_rankings", "GET", f"/rankings?{query}").status == 422


@pytest.mark.parametrize("header", ["X-Gateway-Signature", "X-Gateway-Timestamp"])
@pytest.mark.parametrize("value", ["é", "\ud800", "\x00", "١٢٣", "", "a" * 9_000])
def test_a_signature_that_is_not_hexadecimal_is_refused(
    header: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.harness.fuzz.valid_requests import signature_headers

    monkeypatch.setenv("GATEWAY_SECRET", a_key())
    headers = {**signature_headers(b"{}"), header: value}
    name, path = "payment/receive_callback", "/payments/callbacks"

    answer = call(name, "POST", path, raw_body="{}", headers=headers)

    assert (answer.status, answer.json["code"]) == (401, "BAD_SIGNATURE")


@pytest.mark.parametrize("weight", ["5e-324", "1e-400", "1", "0", "-0.0"])
def test_a_weight_may_be_arbitrarily_small(weight: str, own_shop: str) -> None:
    raw = f'{{"view": {weight}, "like": {weight}, "order": {weight}}}'
    path = "/admin/ranking-weights"
    name = "ranking/put_ranking_weights"

    assert call(name, "PUT", path, raw_body=raw, token=an_admin().token).status == 200
    assert call("ranking/get_rankings", "GET", "/rankings?at=20260103").status == 200
