"""A caller of the HTTP API: one named step per path, each returning the whole answer."""

import json
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from urllib.parse import urlencode

import urllib3

READ_TIMEOUT_SECONDS = 120  # a function's first call on a busy machine takes a while
PROBLEM_MEMBERS = {"type", "title", "status", "detail", "code", "request_id"}

Json = dict[str, Any]


@cache
def _http(address: str) -> urllib3.PoolManager:
    return urllib3.PoolManager(
        maxsize=16,
        retries=False,
        timeout=urllib3.Timeout(connect=2, read=READ_TIMEOUT_SECONDS),
        source_address=(address, 0) if address else None,
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the API to one request."""

    request: str
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.text)

    def require(self, status: int) -> Any:
        """Return the body where the status is the one wanted."""
        assert self.status == status, f"{self.request} answered {self.status} {self.text}"
        return self.json

    def require_problem(self, status: int, code: str | None = None) -> Json:
        """Return the problem where the request was refused as RFC 9457 and the contract have it.

        Without a code, any code will do: the contract does not name one.
        """
        problem: Json = self.require(status)
        assert self.headers["Content-Type"].split(";")[0] == "application/problem+json"
        assert set(problem) >= PROBLEM_MEMBERS
        assert problem["status"] == status
        assert problem["request_id"] == self.headers["X-Request-Id"]
        assert all(isinstance(problem[name], str) for name in PROBLEM_MEMBERS - {"status"})
        assert problem["type"]
        assert problem["title"]
        assert re.fullmatch("[A-Z][A-Z_]+", problem["code"])
        assert code in (None, problem["code"]), self.text
        return problem


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who calls the API: with a token, or as anyone; from an address of this machine."""

    base_url: str
    token: str | None = None
    address: str = ""

    def with_token(self, token: str) -> "Caller":
        """Return a caller with another token."""
        return replace(self, token=token)

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request: `body` as JSON, or `raw` as it is. Every answer has an X-Request-Id."""
        sent = {"Content-Type": "application/json"}
        if self.token is not None:
            sent["Authorization"] = f"Bearer {self.token}"
        if key is not None:
            sent["Idempotency-Key"] = key
        content = raw if raw is not None or body is None else json.dumps(body).encode()
        response = _http(self.address).request(
            method, self.base_url + path, body=content, headers={**sent, **(headers or {})}
        )
        answer = Answer(
            f"{method} {path}", response.status, response.headers, response.data.decode()
        )
        assert response.headers.get("X-Request-Id"), f"{answer.request}: no X-Request-Id"
        return answer

    def sign_up(self, **fields: Any) -> Answer:
        """POST /users with a new user's fields, some of them changed."""
        return self.send("POST", "/users", {**a_registration(), **fields})

    def open_session(self, login_id: str, password: str, **more: str) -> Answer:
        """POST /sessions."""
        body = {"login_id": login_id, "password": password, **more}
        return self.send("POST", "/sessions", body)

    def me(self) -> Answer:
        """GET /users/me."""
        return self.send("GET", "/users/me")

    def points(self) -> Answer:
        """GET /users/me/points."""
        return self.send("GET", "/users/me/points")

    def charge_points(self, amount: int, key: str | None = None, **card: str) -> Answer:
        """POST /users/me/points/charges, with a new key unless one is given."""
        path = "/users/me/points/charges"
        return self.send("POST", path, {"amount": amount, **card}, key=key or a_key())

    def register_brand(self, name: str, description: str = "") -> Answer:
        """POST /admin/brands."""
        return self.send("POST", "/admin/brands", {"name": name, "description": description})

    def register_product(self, **fields: Any) -> Answer:
        """POST /admin/products."""
        return self.send("POST", "/admin/products", fields)

    def set_stock(self, product_id: str, quantity: int) -> Answer:
        """PUT /admin/products/{product_id}/stock."""
        return self.send("PUT", f"/admin/products/{product_id}/stock", {"quantity": quantity})

    def edit_brand(self, brand_id: str, tag: str | None = None, **fields: Any) -> Answer:
        """PATCH /admin/brands/{brand_id}, under If-Match where a tag is given."""
        return self.send("PATCH", f"/admin/brands/{brand_id}", fields, headers=_if_match(tag))

    def edit_product(self, product_id: str, tag: str | None = None, **fields: Any) -> Answer:
        """PATCH /admin/products/{product_id}, under If-Match where a tag is given."""
        return self.send("PATCH", f"/admin/products/{product_id}", fields, headers=_if_match(tag))

    def register_coupon(self, **fields: Any) -> Answer:
        """POST /admin/coupons: 1,000 off for a hundred users, for years, some of it changed."""
        return self.send("POST", "/admin/coupons", {**a_coupon(), **fields})

    def coupons(self, **query: Any) -> Answer:
        """GET /coupons."""
        return self.send("GET", _with_query("/coupons", query))

    def issue_coupon(self, coupon_id: str) -> Answer:
        """POST /coupons/{coupon_id}/issues."""
        return self.send("POST", f"/coupons/{coupon_id}/issues")

    def my_coupons(self, **query: Any) -> Answer:
        """GET /users/me/coupons."""
        return self.send("GET", _with_query("/users/me/coupons", query))

    def brands(self, **query: Any) -> Answer:
        """GET /brands."""
        return self.send("GET", _with_query("/brands", query))

    def brand(self, brand_id: str) -> Answer:
        """GET /brands/{brand_id}."""
        return self.send("GET", f"/brands/{brand_id}")

    def products(self, **query: Any) -> Answer:
        """GET /products."""
        return self.send("GET", _with_query("/products", query))

    def product(self, product_id: str, viewer: str | None = None) -> Answer:
        """GET /products/{product_id}, as another viewer where one is named."""
        headers = {"User-Agent": viewer} if viewer else None
        return self.send("GET", f"/products/{product_id}", headers=headers)

    def like(self, product_id: str, key: str | None = None) -> Answer:
        """PUT /products/{product_id}/like."""
        return self.send("PUT", f"/products/{product_id}/like", key=key)

    def unlike(self, product_id: str, key: str | None = None) -> Answer:
        """DELETE /products/{product_id}/like."""
        return self.send("DELETE", f"/products/{product_id}/like", key=key)

    def likes(self, **query: Any) -> Answer:
        """GET /users/me/likes."""
        return self.send("GET", _with_query("/users/me/likes", query))

    def place_order(self, *lines: tuple[str, int], key: str | None = None) -> Answer:
        """POST /orders, paid with points: (product_id, quantity) each; a new key unless given."""
        return self.send("POST", "/orders", an_order(*lines), key=key or a_key())

    def place_card_order(self, *lines: tuple[str, int], points: int = 0) -> Answer:
        """POST /orders, paid by card and so many points."""
        body = {**an_order(*lines), "payment_method": "CARD", "points": points}
        return self.send("POST", "/orders", body, key=a_key())

    def pay(self, order_id: str, key: str | None = None, **fields: str) -> Answer:
        """POST /payments, with the number of a card that is well where no token is given."""
        number = {} if "payment_token" in fields else {"card_no": "4111-2222-3333-9876"}
        body = {"order_id": order_id, "card_type": "SAMSUNG", **number, **fields}
        return self.send("POST", "/payments", body, key=key or a_key())

    def payment(self, payment_id: str) -> Answer:
        """GET /payments/{payment_id}."""
        return self.send("GET", f"/payments/{payment_id}")

    def orders(self, **query: Any) -> Answer:
        """GET /orders."""
        return self.send("GET", _with_query("/orders", query))

    def order(self, order_id: str) -> Answer:
        """GET /orders/{order_id}."""
        return self.send("GET", f"/orders/{order_id}")

    def cancel_order(self, order_id: str, key: str | None = None, **fields: Any) -> Answer:
        """POST /orders/{order_id}/cancellation, with a body where it has fields."""
        return self.send("POST", f"/orders/{order_id}/cancellation", fields or None, key=key)

    def take_step(self, order_id: str, step: str, **fields: Any) -> Answer:
        """POST /admin/orders/{order_id}/{step}: shipment, delivery or cancellation."""
        return self.send("POST", f"/admin/orders/{order_id}/{step}", fields or None)

    def request_return(self, order_id: str, *lines: tuple[str, int]) -> Answer:
        """POST /orders/{order_id}/returns: (product_id, quantity) each."""
        wanted = [{"product_id": id_, "quantity": n, "reason": "Too heavy"} for id_, n in lines]
        return self.send("POST", f"/orders/{order_id}/returns", {"lines": wanted}, key=a_key())

    def receive_return(self, return_id: str, *lines: tuple[str, int]) -> Answer:
        """POST /admin/returns/{return_id}/receipt: (product_id, quantity) each, restocked."""
        came = [{"product_id": id_, "quantity": n, "restock": True} for id_, n in lines]
        return self.send("POST", f"/admin/returns/{return_id}/receipt", {"lines": came})

    def refund_order(self, order_id: str, amount: int) -> Answer:
        """POST /admin/orders/{order_id}/refunds."""
        body = {"amount": amount, "reason": "Apology for a scratch"}
        return self.send("POST", f"/admin/orders/{order_id}/refunds", body, key=a_key())

    def rankings(self, **query: Any) -> Answer:
        """GET /rankings."""
        return self.send("GET", _with_query("/rankings", query))

    def ranking_weights(self) -> Answer:
        """GET /admin/ranking-weights."""
        return self.send("GET", "/admin/ranking-weights")

    def set_ranking_weights(self, **weights: float) -> Answer:
        """PUT /admin/ranking-weights."""
        return self.send("PUT", "/admin/ranking-weights", weights)

    def health(self) -> Answer:
        """GET /health."""
        return self.send("GET", "/health")


def pages(path: str, caller: Caller, **query: Any) -> Iterator[list[Json]]:
    """Follow a list's cursors to its end."""
    cursor: Json | None = {}
    while cursor is not None:
        page = caller.send("GET", _with_query(path, {**query, **cursor})).require(200)
        assert set(page) == {"items", "next_cursor"}
        yield page["items"]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None


def a_registration() -> Json:
    """A new user's fields, all valid."""
    login_id = secrets.token_hex(5)
    return {
        "login_id": login_id,
        "password": "correct horse battery",
        "name": "Kim Buyer",
        "email": f"{login_id}@example.com",
        "birth_date": "1990-04-12",
        "gender": "OTHER",
    }


def an_order(*lines: tuple[Any, Any]) -> Json:
    """An order's body: (product_id, quantity) each, paid with points."""
    return {
        "lines": [{"product_id": product, "quantity": quantity} for product, quantity in lines],
        "payment_method": "POINT",
    }


def a_coupon() -> Json:
    """A coupon's fields, all valid."""
    return {
        "name": "Opening week",
        "kind": "FIXED",
        "value": 1_000,
        "max_discount": None,
        "min_order_amount": 0,
        "total_quantity": 100,
        "valid_from": "2026-01-01T00:00:00Z",
        "valid_until": "2099-12-31T15:00:00Z",
    }


def a_drop(product: str, units: int = 1) -> Json:
    """A drop's fields, all valid."""
    return {
        "lots": [{"product_id": product, "units": units}],
        "entries_at": "2099-01-01T00:00:00Z",
        "draws_at": "2099-01-02T00:00:00Z",
        "claim_minutes": 10,
    }


def a_key() -> str:
    """A new Idempotency-Key."""
    return secrets.token_hex(16)


def won(amount: int) -> Json:
    """An amount of money as JSON."""
    return {"amount": amount, "currency": "KRW"}


def _with_query(path: str, query: Mapping[str, Any]) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _if_match(tag: str | None) -> dict[str, str]:
    return {} if tag is None else {"If-Match": tag}
