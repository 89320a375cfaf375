"""Requests that should succeed: one per operation, with everything prepared for it.

Attacks change one thing about them, so that a refusal is about that one thing.
"""

import json
import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any
from uuid import UUID

from commerce.app import drops
from commerce.app.likes import like_product
from commerce.app.operations.redrives import Selection, begin_redrive
from commerce.app.transactions import in_transaction
from commerce.drop import CancelDrop, EnterDrop
from commerce.payment.signature import CALLBACK_HEADERS
from commerce.runtime import tokens
from commerce.runtime.db.current import database
from commerce.runtime.messaging import quarantine
from commerce.shared import clock
from commerce.user import EmailVerificationRequested, passwords
from commerce.user.mail_tokens import MailTokenRepository, Purpose, signing
from commerce.user.mail_tokens.model import MailToken
from commerce.user.sessions import SqlSessionRepository, refresh_tokens
from commerce.user.sessions.model import Session
from commerce.user.throttle import counter_of_user
from infra.local.demo import a_token
from infra.local.samples import PAYMENT_TOKEN
from infra.openapi import examples
from tests.harness.fuzz.conformance import Json, document
from tests.harness.fuzz.world import PASSWORD, PRICE, World
from tests.support.addresses import add_address
from tests.support.api_gateway import ApiGateway
from tests.support.coupons import a_coupon
from tests.support.drops import begin_entries, drop_terms, promote, reach_draw
from tests.support.operations import an_alert
from tests.support.orders import an_order, ship
from tests.support.payments import CALLBACKS, a_card_order, pay, payments_of
from tests.support.returns import a_delivered_order, a_return
from tests.support.sessions import an_account
from tests.support.shop import a_key, a_product, rows
from tests.support.staff import a_key_with

Words = Mapping[Any, Any]
"""The values that replace the document's examples in a request."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A method and path of the document, with the example of what it takes."""

    method: str
    path: str
    example: Any = field(compare=False)
    function: str
    query: tuple[str, ...]
    successes: frozenset[int]

    @property
    def label(self) -> str:
        """Its name in tables."""
        return f"{self.method} {self.path}"

    @property
    def names(self) -> list[str]:
        """The parameters of its path."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]


def operations() -> list[Operation]:
    """Every operation of the document."""
    routes = {(each.method, each.path): each.function for each in ApiGateway().routes}
    return [
        Operation(
            method.upper(),
            path,
            _example(specified),
            routes[method.upper(), path],
            tuple(each["name"] for each in specified["parameters"] if each["in"] == "query"),
            frozenset(int(status) for status in specified["responses"] if status.startswith("2")),
        )
        for path, methods in document()["paths"].items()
        for method, specified in methods.items()
    ]


def _example(specified: Json) -> Any:
    content = specified.get("requestBody", {}).get("content", {})
    return content["application/json"]["example"] if content else None


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request before it is sent; `request` is what `http_event` takes."""

    operation: Operation
    ids: Mapping[str, str]
    request: Mapping[str, Any]
    query: str = ""

    @property
    def path(self) -> str:
        """The path with ids and query."""
        return self.operation.path.format(**self.ids) + self.query

    def with_(self, **request: Any) -> "Attempt":
        """The same with another token, key, body or headers."""
        return replace(self, request={**self.request, **request})

    def naming(self, name: str, value: str) -> "Attempt":
        """The same with something else in its path."""
        return replace(self, ids={**self.ids, name: value})


class Ready:
    """Prepares what an operation needs to succeed.

    After a success the same request is made once more (a rule may refuse that), then something new
    is prepared.
    """

    def __init__(self, world: World, operation: Operation) -> None:
        self._world = world
        self._operation = operation
        self._prepare = _PREPARED.get((operation.method, operation.path))
        self._words: Words | None = None
        self._is_spent = False

    def attempt(self) -> Attempt:
        """Return a request that should succeed."""
        if self._words is None or self._operation.path == "/users/me/password":
            more = self._prepare(self._world) if self._prepare else {}
            self._words = {**_words_of(self._world), **more}
        operation, words = self._operation, self._words
        ids = {name: str(words[examples.PATH_IDS[name]]) for name in operation.names}
        token = words.get("OWN_TOKEN") or self._world.token_for(operation.path)
        body = substitute(operation.example, words)
        query = _QUERIES.get((operation.method, operation.path), "")
        return Attempt(operation, ids, {"token": token, "key": a_key(), "body": body}, query)

    @property
    def words(self) -> Words:
        """The values that replace the examples."""
        self.attempt()
        return self._words or {}

    @property
    def others_token(self) -> str:
        """A token of a user who is no admin."""
        return self._world.caller.token

    def answered(self, status: int) -> None:
        """Take note of an answer: after a success what was prepared may be used up."""
        if self._is_spent:
            self._words, self._is_spent = None, False
        elif status < 300 and self._prepare:
            self._is_spent = True


def substitute(value: Any, words: Words) -> Any:
    """Return the body with the examples of the document replaced by real values."""
    if isinstance(value, dict):
        return {name: substitute(each, words) for name, each in value.items()}
    if isinstance(value, list):
        return [substitute(each, words) for each in value]
    return words.get(value, value) if isinstance(value, str) else value


def with_signature(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the callback with the gateway's signature, unless it has a signature already."""
    raw, headers = request.get("raw_body"), dict(request.get("headers") or {})
    body = json.dumps(request.get("body")) if raw is None else raw
    with suppress(UnicodeEncodeError):  # no bytes, no signature
        headers = {**signature_headers(body.encode()), **headers}
    return {**request, "raw_body": body, "headers": headers}


def signature_headers(body: bytes) -> dict[str, str]:
    """Return the headers with which the gateway signs a body now."""
    return CALLBACK_HEADERS.signed(body, os.environ["GATEWAY_SECRET"], clock.now())


def _words_of(world: World) -> dict[Any, Any]:
    return {
        examples.PRODUCT_ID: _a_product(world),
        examples.BRAND_ID: world.ids["brand_id"],
        examples.COUPON_ID: world.ids["coupon_id"],
        examples.ORDER_ID: world.ids["order_id"],
        examples.PAYMENT_ID: world.ids["payment_id"],
        examples.CHARGE_ID: world.ids["charge_id"],
        examples.USER_ID: str(world.caller.user_id),
        examples.ISSUED_COUPON_ID: world.ids["issued_coupon_id"],
        examples.EVENT_ID: world.ids["event_id"],
        examples.PATH_IDS["asset"]: world.ids["asset"],
        examples.PATH_IDS["queue"]: world.ids["queue"],
    }


def _a_product(world: World) -> str:
    """A new product, which no admin has changed."""
    return a_product(stock=1_000, price=PRICE, brand_id=world.ids["brand_id"])


def _an_empty_address_book(world: World) -> Words:
    in_transaction(lambda shop: shop.address_book.erase_user(world.caller.user_id))
    return {}


def _an_address(world: World) -> Words:
    _an_empty_address_book(world)
    return {examples.ADDRESS_ID: add_address(world.caller).json["address_id"]}


def _an_account(world: World) -> Words:
    return {examples.USER_ID: str(an_account().user_id)}


def _an_api_key(world: World) -> Words:
    return {examples.API_KEY_ID: a_key_with("stock")["api_key_id"]}


def _a_new_login_id(world: World) -> Words:
    return {"coyote": secrets.token_hex(5)}


def _a_login(world: World) -> Words:
    return {"coyote": world.login_id}


def _a_session(world: World) -> Words:
    session = Session.opened(clock.new_id(), world.caller.user_id, 0, "fuzz", clock.now())
    in_transaction(lambda shop: SqlSessionRepository(shop.uow).add(session))
    return {
        examples.SESSION_ID: str(session.id),
        "REFRESH_TOKEN": refresh_tokens.token_of(session),
    }


def _a_verification(world: World) -> Words:
    """A token as it is mailed to verify an address, to a new user."""
    return {"MAILED_TOKEN": _mailed(Purpose.VERIFICATION)}


def _a_reset(world: World) -> Words:
    """A token as it is mailed to reset a password, to a new user."""
    return {"MAILED_TOKEN": _mailed(Purpose.PASSWORD_RESET)}


def _mailed(purpose: Purpose) -> str:
    user_id = an_account().user_id
    token = MailToken.made(clock.new_id(), user_id, purpose, clock.now())
    event = EmailVerificationRequested.of(token.id, "en")
    in_transaction(lambda shop: MailTokenRepository(shop.uow).add(token, event))
    return signing.signed(token.id, user_id, purpose)


def _a_password(world: World) -> Words:
    """Give the caller the password of the example again, and forget what was guessed at it."""
    counter = counter_of_user(world.caller.user_id)
    rows("DELETE FROM login_throttle WHERE key = $1 RETURNING key", counter.key)
    sql = "UPDATE user_account SET password_hash = $2 WHERE id = $1 RETURNING id"
    rows(sql, world.caller.user_id, _hash_of_the_password())
    return {}


def _one_to_erase(_: World) -> Words:
    """A new user without orders, who sends the request."""
    user_id = an_account().user_id
    sql = "UPDATE user_account SET password_hash = $2 WHERE id = $1 RETURNING id"
    rows(sql, user_id, _hash_of_the_password())
    return {"OWN_TOKEN": tokens.sign(user_id)}


@cache
def _hash_of_the_password() -> str:
    return passwords.hashed(PASSWORD)


def _an_offer(world: World) -> Words:
    return {examples.COUPON_ID: a_coupon()}


def _a_confirmed_order(world: World) -> Words:
    return {examples.ORDER_ID: an_order(world.caller, (_a_product(world), 1))}


def _a_shipped_order(world: World) -> Words:
    words = _a_confirmed_order(world)
    assert ship(world.admin, str(words[examples.ORDER_ID])).status == 200
    return words


def _a_delivered_order(world: World) -> Words:
    product = _a_product(world)
    order_id = a_delivered_order(world.caller, world.admin, (product, 1))
    return {examples.PRODUCT_ID: product, examples.ORDER_ID: order_id}


def _a_return(world: World) -> Words:
    words = _a_delivered_order(world)
    product = str(words[examples.PRODUCT_ID])
    return_id = a_return(world.caller, str(words[examples.ORDER_ID]), (product, 1))
    return {**words, examples.RETURN_ID: return_id}


def _an_unpaid_order(world: World) -> Words:
    token = a_token(os.environ["GATEWAY_URL"], "KB")
    return {examples.ORDER_ID: a_card_order(world.caller, _a_product(world)), PAYMENT_TOKEN: token}


def _a_payment(world: World) -> Words:
    order_id = a_card_order(world.caller, _a_product(world))
    paid = pay(world.caller, order_id)
    assert paid.status == 201, paid.json
    return {examples.ORDER_ID: order_id, examples.PAYMENT_ID: paid.json["payment_id"]}


def _a_transaction(world: World) -> Words:
    words = _a_payment(world)
    [payment] = payments_of(str(words[examples.ORDER_ID]))
    assert payment.amount.amount == PRICE
    return {**words, "TX-1": payment.transaction_key}


def _a_like(world: World) -> Words:
    product = _a_product(world)
    in_transaction(like_product, product, user_id=world.caller.user_id)
    return {examples.PRODUCT_ID: product}


def _a_quarantined_event(world: World) -> Words:
    [event] = rows(
        "SELECT id, position FROM outbox WHERE aggregate_id = $1 AND type = 'StockChanged'"
        " ORDER BY position DESC LIMIT 1",
        _a_product(world),
    )
    database().run([quarantine.move({event.position: "an attack"})])
    return {examples.EVENT_ID: str(event.id)}


def _an_alert(_: World) -> Words:
    alert = an_alert("DEAD_LETTERS", "mail-requested")
    return {examples.ALERT_ID: alert["alert_id"]}


def _a_redrive(world: World) -> Words:
    """A redrive that the operator has begun, of which nothing is sent yet."""
    id_, by = clock.new_id(), f"admin:{world.admin.user_id}"
    in_transaction(begin_redrive, id_, world.ids["queue"], Selection(), None, by=by)
    return {examples.ACT_ID: str(id_)}


def _a_draft(world: World) -> Words:
    product = _a_product(world)
    command = drop_terms(product, 5)
    drop = in_transaction(drops.create_drop, command, by="fuzz")
    return {examples.DROP_ID: drop.drop_id, examples.PRODUCT_ID: product}


def _a_published_drop(world: World) -> Words:
    words = _a_draft(world)
    drop_id = str(words[examples.DROP_ID])
    in_transaction(drops.publish_drop, drop_id, by="fuzz", if_match=None)
    return words


def _an_entered_drop(world: World) -> Words:
    words = _a_drop_with_entries(world)
    drop_id = str(words[examples.DROP_ID])
    entry, _ = drops.enter_drop(drop_id, EnterDrop(), user_id=world.caller.user_id)
    return {**words, examples.ENTRY_ID: entry.entry_id}


def _a_drop_with_entries(world: World) -> Words:
    words = _a_published_drop(world)
    begin_entries(UUID(str(words[examples.DROP_ID])))
    return words


def _a_sealed_drop(world: World) -> Words:
    words = _an_entered_drop(world)
    drop_id = UUID(str(words[examples.DROP_ID]))
    reach_draw(drop_id)
    promote(drop_id)
    return words


def _a_cancelled_drop(world: World) -> Words:
    words = _a_published_drop(world)
    drop_id, command = str(words[examples.DROP_ID]), CancelDrop(reason="Damaged")
    in_transaction(drops.cancel_drop, drop_id, command, by="fuzz", if_match=None)
    return words


_QUERIES: Mapping[tuple[str, str], str] = {
    ("GET", "/admin/users"): "?login_id=coyote",
    ("GET", "/admin/find"): "?text=coyote",
}
"""The query strings of operations that need one."""

_PREPARED: Mapping[tuple[str, str], Callable[[World], Words]] = {
    ("POST", "/users"): _a_new_login_id,
    ("POST", "/sessions"): _a_login,
    ("POST", "/sessions/refresh"): _a_session,
    ("DELETE", "/sessions/{session_id}"): _a_session,
    ("PUT", "/users/me/password"): _a_password,
    ("DELETE", "/users/me"): _one_to_erase,
    ("POST", "/users/me/addresses"): _an_empty_address_book,
    ("PATCH", "/users/me/addresses/{address_id}"): _an_address,
    ("DELETE", "/users/me/addresses/{address_id}"): _an_address,
    ("PUT", "/orders/{order_id}/address"): _a_confirmed_order,
    ("POST", "/email-verifications/confirmation"): _a_verification,
    ("POST", "/password-resets/confirmation"): _a_reset,
    ("POST", "/coupons/{coupon_id}/issues"): _an_offer,
    ("POST", "/orders/{order_id}/cancellation"): _a_confirmed_order,
    ("POST", "/orders/{order_id}/returns"): _a_delivered_order,
    ("GET", "/returns/{return_id}"): _a_return,
    ("POST", "/returns/{return_id}/withdrawal"): _a_return,
    ("POST", "/admin/returns/{return_id}/receipt"): _a_return,
    ("POST", "/admin/returns/{return_id}/rejection"): _a_return,
    ("POST", "/admin/orders/{order_id}/refunds"): _a_confirmed_order,
    ("GET", "/admin/users/{user_id}"): _an_account,
    ("POST", "/admin/users/{user_id}/suspension"): _an_account,
    ("DELETE", "/admin/users/{user_id}/suspension"): _an_account,
    ("POST", "/admin/users/{user_id}/sessions/end"): _an_account,
    ("PUT", "/admin/staff/{user_id}"): _an_account,
    ("DELETE", "/admin/staff/{user_id}"): _an_account,
    ("DELETE", "/admin/api-keys/{api_key_id}"): _an_api_key,
    ("POST", "/admin/orders/{order_id}/cancellation"): _a_confirmed_order,
    ("POST", "/admin/orders/{order_id}/shipment"): _a_confirmed_order,
    ("POST", "/admin/orders/{order_id}/delivery"): _a_shipped_order,
    ("POST", "/payments"): _an_unpaid_order,
    ("POST", "/admin/payments/{payment_id}/sync"): _a_payment,
    ("POST", CALLBACKS): _a_transaction,
    ("POST", "/admin/set-aside/{event_id}/put-back"): _a_quarantined_event,
    ("POST", "/admin/dead-letters/{queue}/redrive/{redrive_id}"): _a_redrive,
    ("POST", "/admin/dead-letters/{queue}/redrive/{redrive_id}/cancellation"): _a_redrive,
    ("POST", "/admin/alerts/{alert_id}/acknowledgement"): _an_alert,
    ("POST", "/admin/alerts/{alert_id}/silence"): _an_alert,
    ("POST", "/admin/set-aside/{event_id}/discard"): _a_quarantined_event,
    ("GET", "/admin/events/{event_id}"): _a_quarantined_event,
    ("DELETE", "/products/{product_id}/like"): _a_like,
    ("GET", "/drops/{drop_id}"): _a_published_drop,
    ("GET", "/drops/{drop_id}/proof"): _a_sealed_drop,
    ("GET", "/drops/{drop_id}/report"): _a_cancelled_drop,
    ("POST", "/drops/{drop_id}/entries"): _a_drop_with_entries,
    ("GET", "/drops/{drop_id}/entries/me"): _an_entered_drop,
    ("DELETE", "/drops/{drop_id}/entries/me"): _an_entered_drop,
    ("GET", "/admin/drops/{drop_id}"): _a_draft,
    ("PATCH", "/admin/drops/{drop_id}"): _a_draft,
    ("POST", "/admin/drops/{drop_id}/publication"): _a_draft,
    ("POST", "/admin/drops/{drop_id}/units"): _a_published_drop,
    ("POST", "/admin/drops/{drop_id}/cancellation"): _a_published_drop,
    ("POST", "/admin/drops/{drop_id}/disqualifications"): _an_entered_drop,
}
