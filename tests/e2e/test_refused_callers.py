"""Authorization: invalid tokens, and routes that a caller may not use."""

import base64
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jwt
import pytest

from tests.e2e.caller import Json, a_coupon, a_drop, a_key, a_registration, an_order
from tests.e2e.shop import Buyer, Shop
from tests.e2e.stack import Stack

AN_ADDRESS = {
    "recipient": "Mine",
    "phone": "010-1234-5678",
    "line1": "1 Canyon Road",
    "country": "KR",
}
USER_DOORS: list[tuple[str, str, Any]] = [
    ("GET", "/users/me", None),
    ("PATCH", "/users/me", {"name": "Mine"}),
    ("POST", "/email-verifications", None),
    (
        "PUT",
        "/users/me/password",
        {"current_password": "no such password", "new_password": "another password"},
    ),
    ("GET", "/sessions", None),
    ("DELETE", "/sessions/{order}", None),
    ("DELETE", "/sessions/current", None),
    ("DELETE", "/sessions", None),
    ("GET", "/users/me/addresses", None),
    ("POST", "/users/me/addresses", AN_ADDRESS),
    ("PATCH", "/users/me/addresses/{order}", {"recipient": "Mine"}),
    ("DELETE", "/users/me/addresses/{order}", None),
    ("GET", "/users/me/points", None),
    ("POST", "/users/me/points/charges", {"amount": 1}),
    ("GET", "/users/me/points/charges/none", None),
    ("GET", "/users/me/points/entries", None),
    ("POST", "/orders", an_order(("{product}", 1))),
    ("GET", "/orders", None),
    ("GET", "/orders/{order}", None),
    ("POST", "/orders/{order}/cancellation", None),
    (
        "POST",
        "/orders/{order}/returns",
        {"lines": [{"product_id": "{product}", "quantity": 1, "reason": "Too heavy"}]},
    ),
    ("GET", "/returns/{order}", None),
    ("POST", "/returns/{order}/withdrawal", None),
    ("PUT", "/orders/{order}/address", AN_ADDRESS),
    ("GET", "/users/me/coupons", None),
    ("POST", "/coupons/{order}/issues", None),
    ("POST", "/drops/{order}/entries", {}),
    ("GET", "/drops/{order}/entries/me", None),
    ("DELETE", "/drops/{order}/entries/me", None),
    ("GET", "/users/me/export", None),
    ("DELETE", "/users/me", None),
]
ADMIN_DOORS: list[tuple[str, str, Any]] = [
    ("POST", "/admin/brands", {"name": "Mine", "description": ""}),
    (
        "POST",
        "/admin/products",
        {"brand_id": "{brand}", "name": "Mine", "description": "", "price_amount": 1},
    ),
    ("PATCH", "/admin/brands/{brand}", {"name": "Mine"}),
    ("PATCH", "/admin/products/{product}", {"price_amount": 1}),
    ("GET", "/admin/products/{product}/stock", None),
    ("POST", "/admin/products/{product}/archive", None),
    ("POST", "/admin/products/{product}/restore", None),
    ("PUT", "/admin/products/{product}/stock", {"quantity": 1_000}),
    (
        "POST",
        "/admin/products/{product}/stock/adjustments",
        {"delta": 1_000, "reason": "FOUND"},
    ),
    ("GET", "/admin/products/{product}/stock/movements", None),
    ("POST", "/admin/users/{order}/points", {"amount": 1_000, "reason": "Mine"}),
    ("POST", "/admin/coupons", a_coupon()),
    ("POST", "/admin/orders/{order}/shipment", None),
    ("POST", "/admin/orders/{order}/delivery", None),
    ("POST", "/admin/orders/{order}/cancellation", None),
    ("POST", "/admin/orders/{order}/notices", {"reason": "It never arrived"}),
    ("POST", "/admin/orders/{order}/refunds", {"amount": 1, "reason": "Mine"}),
    (
        "POST",
        "/admin/returns/{order}/receipt",
        {"lines": [{"product_id": "{product}", "quantity": 1, "restock": True}]},
    ),
    ("POST", "/admin/returns/{order}/rejection", {"reason": "Mine"}),
    ("GET", "/admin/drops", None),
    ("GET", "/admin/drops/{order}", None),
    ("POST", "/admin/drops", a_drop("{product}")),
    ("PATCH", "/admin/drops/{order}", {"claim_minutes": 1}),
    ("POST", "/admin/drops/{order}/publication", None),
    ("POST", "/admin/drops/{order}/units", {"add": 1}),
    ("POST", "/admin/drops/{order}/cancellation", {"reason": "Mine"}),
    ("POST", "/admin/drops/{order}/disqualifications", {"entry_id": "{order}", "rule": "Mine"}),
    ("GET", "/admin/users?login_id=coyote", None),
    ("GET", "/admin/users/{order}", None),
    ("POST", "/admin/users/{order}/suspension", {"reason": "Uses stolen cards"}),
    ("DELETE", "/admin/users/{order}/suspension", None),
    ("POST", "/admin/users/{order}/sessions/end", None),
    ("GET", "/admin/staff", None),
    ("PUT", "/admin/staff/{order}", {"scopes": ["stock", "orders:read"]}),
    ("DELETE", "/admin/staff/{order}", None),
    ("GET", "/admin/api-keys", None),
    ("POST", "/admin/api-keys", {"name": "Warehouse", "scopes": ["stock", "orders:fulfil"]}),
    ("DELETE", "/admin/api-keys/{order}", None),
    ("GET", "/admin/audit", None),
    ("GET", "/admin/alerts", None),
    ("GET", "/admin/trends", None),
    ("POST", "/admin/alerts/{order}/acknowledgement", {"note": "Mine"}),
    ("POST", "/admin/alerts/{order}/silence", {"until": None, "reason": "It is only mine"}),
    ("GET", "/admin/find?text=coyote", None),
    ("GET", "/admin/events/{order}", None),
    ("POST", "/admin/set-aside/{order}/discard", {"reason": "Mine alone"}),
]
SLOWED_AFTER = 20


class Forge:
    """Makes tokens out of a good one, with one thing wrong about them."""

    def __init__(self, good_token: str, keys: Json) -> None:
        self.claims = jwt.decode(good_token, options={"verify_signature": False})
        self.kid = keys["current"]
        self.key = keys[self.kid]

    def sign(
        self, *, key: str | None = None, algorithm: str = "HS256", kid: Any = None, **claims: Any
    ) -> str:
        """Sign the good token's claims, some of them changed; a claim that is None is left out."""
        changed = {**self.claims, "jti": secrets.token_hex(8), **claims}
        kept = {name: value for name, value in changed.items() if value is not None}
        headers = {"kid": kid or self.kid}
        return jwt.encode(kept, key or self.key, algorithm=algorithm, headers=headers)

    def unsigned(self) -> str:
        """Say `alg: none`, and sign nothing."""
        header = {"alg": "none", "typ": "JWT", "kid": self.kid}
        return f"{_segment(header)}.{_segment(self.claims)}."

    def signed_with_a_name(self) -> str:
        """Take what the secret says of `current`, the name of a key, for a key."""
        header = {"alg": "HS256", "typ": "JWT", "kid": "current"}
        content = f"{_segment(header)}.{_segment(self.claims)}"
        return f"{content}.{_base64(hmac.digest(self.kid.encode(), content.encode(), 'sha256'))}"

    def meddled_with(self) -> str:
        """Put other claims under a good signature."""
        header, _, signature = self.sign().split(".")
        return f"{header}.{_segment({**self.claims, 'scope': 'admin'})}.{signature}"


BAD_TOKENS: dict[str, Callable[[Forge], str]] = {
    "empty": lambda _: "",
    "garbage": lambda _: "garbage",
    "three dots": lambda _: "a.b.c",
    "not even ASCII": lambda _: "%C3%A9.%C3%A9.%C3%A9",
    "unsigned": Forge.unsigned,
    "meddled with": Forge.meddled_with,
    "signed with another key": lambda forge: forge.sign(key="k" * 64),
    "signed with another algorithm": lambda forge: forge.sign(algorithm="HS512"),
    "of an unknown key": lambda forge: forge.sign(kid="k0"),
    "signed with the name of a key": Forge.signed_with_a_name,
    "of a key that is a path": lambda forge: forge.sign(kid="../../dev/null"),
    "expired": lambda forge: forge.sign(iat=int(time.time()) - 7200, exp=int(time.time()) - 3600),
    "without an end": lambda forge: forge.sign(exp=None),
    "of another issuer": lambda forge: forge.sign(iss="somebody"),
    "without an issuer": lambda forge: forge.sign(iss=None),
    "for another audience": lambda forge: forge.sign(aud="somewhere"),
    "for no audience": lambda forge: forge.sign(aud=None),
    "of nobody": lambda forge: forge.sign(sub=None),
}


@pytest.fixture(scope="module")
def ids(shop: Shop, buyer: Buyer) -> dict[str, str]:
    """Return an existing id, all the buyer's own, for each parameter of the routes."""
    brand = shop.new_brand()
    product = shop.new_product(stock=10, price=100, brand=brand)
    order = buyer.place_order((product, 1))
    return {"brand": brand["brand_id"], "product": product, "order": order}


@pytest.fixture(scope="module")
def forge(stack: Stack, buyer: Buyer) -> Forge:
    """A forge with the buyer's own token and the stack's own key."""
    assert buyer.api.token is not None
    return Forge(buyer.api.token, stack.token_keys)


def test_a_token_names_subject_audience_and_expiry(forge: Forge, buyer: Buyer) -> None:
    assert set(forge.claims) == {
        "iss", "aud", "sub", "scope", "iat", "exp", "jti", "session", "epoch",
    }  # fmt: skip
    assert forge.claims["sub"] == buyer.user["user_id"]
    assert forge.claims["scope"] == ""
    assert 0 < forge.claims["exp"] - forge.claims["iat"] <= 3600


def test_the_tests_token_maker_makes_valid_tokens_too(
    shop: Shop, forge: Forge, buyer: Buyer
) -> None:
    assert shop.anyone.with_token(forge.sign()).me().require(200) == buyer.user


@pytest.mark.parametrize(("method", "path", "body"), USER_DOORS + ADMIN_DOORS)
def test_a_request_without_a_token_is_refused(
    shop: Shop, buyer: Buyer, ids: dict[str, str], method: str, path: str, body: Any
) -> None:
    with shop.nothing_moves(buyer, ids["product"]):
        answer = shop.anyone.send(method, *_filled(path, body, ids), key=a_key())

    answer.require_problem(401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("make", BAD_TOKENS.values(), ids=BAD_TOKENS)
@pytest.mark.parametrize(("method", "path", "body"), [USER_DOORS[3], ADMIN_DOORS[4]])
def test_a_request_with_an_invalid_token_is_refused(
    shop: Shop,
    buyer: Buyer,
    ids: dict[str, str],
    forge: Forge,
    make: Callable[[Forge], str],
    method: str,
    path: str,
    body: Any,
) -> None:
    impostor = shop.anyone.with_token(make(forge))

    with shop.nothing_moves(buyer, ids["product"]):
        answer = impostor.send(method, *_filled(path, body, ids), key=a_key())

    answer.require_problem(401)


@pytest.mark.parametrize("scheme", ["Basic", "Token", ""])
def test_a_token_without_the_bearer_scheme_is_refused(
    shop: Shop, buyer: Buyer, scheme: str
) -> None:
    header = {"Authorization": f"{scheme} {buyer.api.token}".strip()}

    shop.anyone.send("GET", "/users/me", headers=header).require_problem(401)


@pytest.mark.parametrize(("method", "path", "body"), ADMIN_DOORS)
def test_a_user_is_refused_on_admin_paths(
    shop: Shop, buyer: Buyer, ids: dict[str, str], method: str, path: str, body: Any
) -> None:
    with shop.nothing_moves(buyer, ids["product"]):
        answer = buyer.api.send(method, *_filled(path, body, ids))

    answer.require_problem(403)
    listed = shop.anyone.products(brand_id=ids["brand"]).require(200)["items"]
    assert [product["product_id"] for product in listed] == [ids["product"]]


@pytest.mark.parametrize("scope", ["administrator", "ADMIN", "admins", "user"])
def test_only_the_scope_admin_opens_admin_paths(shop: Shop, forge: Forge, scope: str) -> None:
    caller = shop.anyone.with_token(forge.sign(scope=scope))

    caller.register_brand("Mine").require_problem(403)


def test_another_users_order_is_forbidden(shop: Shop, ids: dict[str, str]) -> None:
    stranger = shop.new_buyer()

    stranger.api.order(ids["order"]).require_problem(403)


def test_a_login_id_is_taken_once(shop: Shop) -> None:
    first = a_registration()
    shop.anyone.sign_up(**first).require(201)

    second = shop.anyone.sign_up(login_id=first["login_id"], password="another password")

    second.require_problem(409, "LOGIN_ID_TAKEN")
    shop.anyone.open_session(first["login_id"], "another password").require_problem(401)
    shop.anyone.open_session(first["login_id"], first["password"]).require(201)


def test_wrong_password_and_unknown_login_id_get_the_same_answer(shop: Shop) -> None:
    buyer = shop.new_buyer()

    wrong = shop.anyone.open_session(buyer.user["login_id"], "another password")
    unknown = shop.anyone.open_session("nobody", "another password")

    told = [answer.require_problem(401, "BAD_CREDENTIALS") for answer in (wrong, unknown)]
    assert told[0]["detail"] == told[1]["detail"]


def test_failed_logins_delay_only_that_login_id(shop: Shop) -> None:
    victim, other = shop.new_buyer(), shop.new_buyer()

    for _ in range(SLOWED_AFTER):
        answer = shop.anyone.open_session(victim.user["login_id"], "another password")
        if answer.status == 429:
            break
        answer.require_problem(401, "BAD_CREDENTIALS")

    answer.require_problem(429)
    assert int(answer.headers["Retry-After"]) > 0
    right = shop.anyone.open_session(victim.user["login_id"], victim.password)
    right.require_problem(429)
    shop.anyone.open_session(other.user["login_id"], other.password).require(201)


def test_one_password_tried_with_many_login_ids_is_slowed_whatever_headers_say(
    shop: Shop, stack: Stack
) -> None:
    if stack.is_on_free_localstack:
        pytest.skip("all callers of a container have one address")
    owner = shop.new_buyer()
    guesser = replace(shop.anyone, address="127.0.9.9")
    session = guesser.open_session(owner.user["login_id"], owner.password).require(201)

    for number in range(SLOWED_AFTER):
        body = {"login_id": f"nobody{number}", "password": "another password"}
        headers = {"X-Forwarded-For": f"192.0.2.{number}"}
        answer = guesser.send("POST", "/sessions", body, headers=headers)
        if answer.status == 429:
            break
        answer.require_problem(401, "BAD_CREDENTIALS")

    answer.require_problem(429, "TOO_MANY_ATTEMPTS")
    login = owner.user["login_id"], owner.password
    guesser.open_session(*login).require_problem(429)
    guesser.open_session(*login, device_token=session["device_token"]).require(201)
    shop.anyone.open_session(*login).require(201)


def _filled(path: str, body: Any, ids: dict[str, str]) -> tuple[str, Any]:
    text = json.dumps(body)
    for name, value in ids.items():
        path, text = path.replace(f"{{{name}}}", value), text.replace(f"{{{name}}}", value)
    return path, json.loads(text)


def _segment(content: Json) -> str:
    return _base64(json.dumps(content).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
