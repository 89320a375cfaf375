"""Two orders, placed through the HTTP API and followed until they are where they should be."""

import json
import secrets
import time
from dataclasses import dataclass
from typing import Any

import urllib3

from infra.local.api import Api, Json
from infra.local.errors import LocalError
from infra.local.progress import Stages

CHARGED_WON = 200_000
NOTICE_TIMEOUT_SECONDS = 90  # the relay's every-minute run is the longest way round
CARD_TIMEOUT_SECONDS = 180  # its result within 5 s; were the callback lost, the reconciler's
POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Buyer:
    """A user who has just signed up, and the API as they may use it."""

    login_id: str
    api: Api


def place_demo_orders(
    api_url: str, delivery_url: str, gateway_url: str, stages: Stages
) -> str | int:
    """Place an order as a new user and wait for its shipment notice; then one that a card pays.

    Returns the first order's id. Raises LocalError where a step is refused, or where what follows
    it does not come in time.
    """
    with stages.stage("Sign up") as outcome:
        buyer = sign_up(Api(api_url))
        outcome.is_now(f"user {buyer.login_id} has a session")
    with stages.stage("Charge points") as outcome:
        charge = {"amount": CHARGED_WON}
        points = buyer.api.call("POST", "/users/me/points/charges", charge, _new_key())
        outcome.is_now(f"balance {money(points['balance'])}")
    with stages.stage("Browse") as outcome:
        product = _first_in_stock(buyer.api)
        outcome.is_now(
            f"{product['name']} by {product['brand']['name']}, {money(product['price'])}, "
            f"{product['stock_quantity']} in stock"
        )
    with stages.stage("Place the order") as outcome:
        order = buyer.api.call("POST", "/orders", _order_of(product), _new_key())
        outcome.is_now(f"order {order['order_id']} is {order['status']}, {money(order['total'])}")
    with stages.stage("Look at it") as outcome:
        outcome.is_now(_effects(buyer.api, order, product))
    with stages.stage("Shipment notice") as outcome:
        notice = wait_for_notice(delivery_url, order["order_id"])
        outcome.is_now(f"the delivery system has it since {notice['received_at']}")
    with stages.stage("Pay another by card") as outcome:
        outcome.is_now(_pay_by_card(buyer.api, product, gateway_url))
    order_id: str | int = order["order_id"]
    return order_id


def sign_up(api: Api) -> Buyer:
    """Sign a new user up and open a session for them."""
    login_id = f"demo{secrets.token_hex(3)}"
    password = secrets.token_urlsafe(12)
    api.call(
        "POST",
        "/users",
        {
            "login_id": login_id,
            "password": password,
            "name": "Demo Buyer",
            "email": f"{login_id}@example.com",
            "birth_date": "1990-04-12",
            "gender": "OTHER",
        },
    )
    session = api.call("POST", "/sessions", {"login_id": login_id, "password": password})
    return Buyer(login_id, api.as_owner_of(session["access_token"]))


def _pay_by_card(api: Api, product: Json, gateway_url: str) -> str:
    """Place an order, pay it through a gateway that is well for once, and follow it."""
    well = json.dumps({"mode": "healthy", "times": 1})
    urllib3.request("PUT", f"{gateway_url}/behaviour", body=well, retries=False, timeout=5)
    order = api.call(
        "POST", "/orders", {**_order_of(product), "payment_method": "CARD"}, _new_key()
    )
    card = {"card_type": "SAMSUNG", "payment_token": a_token(gateway_url, "SAMSUNG")}
    payment = api.call("POST", "/payments", {"order_id": order["order_id"], **card}, _new_key())
    deadline = time.monotonic() + CARD_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        status = api.call("GET", f"/orders/{order['order_id']}")["status"]
        if status != "PENDING":
            return f"order {order['order_id']} is {status}, {money(payment['amount'])} by card"
        time.sleep(POLL_SECONDS)
    raise LocalError(
        f"Order {order['order_id']} is not paid after {CARD_TIMEOUT_SECONDS} s. Look at "
        f"{gateway_url}/transactions, and at .local/log/emulator.log."
    )


def a_token(gateway_url: str, card_type: str, card_no: str = "4111-1111-1111-1111") -> str:
    """Return the gateway's token of a card, which a buyer's browser would ask for."""
    card = json.dumps({"cardType": card_type, "cardNo": card_no})
    url = f"{gateway_url}/api/v1/tokens"
    answer = urllib3.request("POST", url, body=card, retries=False, timeout=5).json()
    if answer["data"] is None:
        raise LocalError(f"The gateway makes no token: {answer['meta']['message']}.")
    return str(answer["data"]["token"])


def wait_for_notice(
    delivery_url: str, order_id: str | int, timeout_seconds: float = NOTICE_TIMEOUT_SECONDS
) -> dict[str, Any]:
    """Return the notice of an order once the delivery system has it. Raises LocalError."""
    deadline = time.monotonic() + timeout_seconds
    with urllib3.PoolManager(retries=False, timeout=5) as http:
        while time.monotonic() < deadline:
            answer = http.request("GET", f"{delivery_url}/notices?order_id={order_id}")
            items: list[dict[str, Any]] = answer.json()["items"]
            if items:
                return items[0]
            time.sleep(POLL_SECONDS)
    raise LocalError(
        f"The delivery system has no notice of order {order_id} after {timeout_seconds:.0f} s. "
        f"Look at what it was asked ({delivery_url}/requests), and at .local/log/emulator.log."
    )


def money(amount: Json) -> str:
    """Write an amount of money for people: 12,000 KRW."""
    return f"{amount['amount']:,} {amount['currency']}"


def _first_in_stock(api: Api) -> Json:
    for listed in api.call("GET", "/products?limit=20")["items"]:
        product = api.call("GET", f"/products/{listed['product_id']}")
        if product["stock_quantity"] > 0 and product["price"]["amount"] <= CHARGED_WON:
            return product
    raise LocalError("No product of the first page is in stock: make reset starts afresh.")


def _order_of(product: Json) -> Json:
    lines = [{"product_id": product["product_id"], "quantity": 1}]
    return {"lines": lines, "payment_method": "POINT", "expected_total": product["price"]}


def _effects(api: Api, order: Json, product: Json) -> str:
    """Read back what the order did, and say it."""
    seen = api.call("GET", f"/orders/{order['order_id']}")
    stock = api.call("GET", f"/products/{product['product_id']}")["stock_quantity"]
    balance = api.call("GET", "/users/me/points")["balance"]
    return (
        f"{seen['status']}, stock {product['stock_quantity']} → {stock}, "
        f"points {CHARGED_WON:,} → {money(balance)}"
    )


def _new_key() -> str:
    return secrets.token_hex(16)
