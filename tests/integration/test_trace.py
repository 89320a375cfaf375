"""One id is found in the lines of the request, of the relay, and of every consumer."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from commerce.app.messaging import best_effort_events, relay
from commerce.entrypoints.telemetry import logger
from commerce.runtime.db.current import database
from commerce.runtime.messaging.bus import EventBridgeBus
from tests.support.bus import ObservedBus, an_observed_bus
from tests.support.coupons import a_coupon, issue, place_with
from tests.support.lambda_calls import bus_message, call, function, lambda_context, sqs_event
from tests.support.orders import cancel
from tests.support.shop import a_buyer, a_key, a_product, stock_of

CONSUMERS = {
    "product/on_like_changed": {"ProductLiked", "ProductUnliked"},
    "metrics/on_product_activity": {
        "ProductViewed", "ProductLiked", "ProductUnliked", "OrderConfirmed", "OrderCancelled",
    },
    "user/on_user_acted": {
        "UserSignedUp", "PointsCharged", "ProductViewed", "ProductLiked", "ProductUnliked",
        "OrderPlaced", "CouponIssued", "CouponUsed", "CouponReturned",
    },
    "product/on_catalogue_changed": {"ProductChanged", "BrandChanged"},
}  # fmt: skip


@pytest.fixture
def own_outbox(
    own_database_url: str, shop_environment: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """A database of the test's own: the relay must find nobody else's events."""
    monkeypatch.setenv("DATABASE_URL", own_database_url)
    database().close()
    yield
    database().close()


@pytest.fixture
def bus(own_outbox: None, monkeypatch: pytest.MonkeyPatch) -> ObservedBus:
    listened = an_observed_bus()
    monkeypatch.setenv("EVENT_BUS_NAME", listened.name)
    return listened


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Everything that functions and domain log from here on."""
    stream = io.StringIO()
    for handler in logger.handlers:
        monkeypatch.setattr(handler, "stream", stream)
    return stream


def lines_about(log: io.StringIO, correlation_id: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    return [line for line in lines if line.get("correlation_id") == correlation_id]


def carry_on(bus: ObservedBus) -> list[dict[str, Any]]:
    """Let relay and consumers do what follows; returns the envelopes that travelled."""
    relay().run()
    best_effort_events().move_to(EventBridgeBus())
    heard = bus.received()
    for name, types in CONSUMERS.items():
        messages = [bus_message(each) for each in heard if each["type"] in types]
        answer = function(name)(sqs_event(*messages), lambda_context())
        assert answer == {"batchItemFailures": []}
    return heard


def test_a_like_can_be_traced_by_its_request_id(bus: ObservedBus, log: io.StringIO) -> None:
    user, product = a_buyer(), a_product()
    answer = call("like/like_product", "PUT", f"/products/{product}/like", token=user.token)
    request = answer.headers["x-request-id"]
    other = call("like/like_product", "PUT", f"/products/{product}/like", token=a_buyer().token)
    assert other.headers["x-request-id"] != request

    heard = carry_on(bus)

    [envelope] = [each for each in heard if each["trace_id"] == request]
    lines = lines_about(log, request)
    assert [line["message"] for line in lines] == [
        "answered",
        "event published",
        "event consumed",  # like counts
        "event consumed",  # metrics
        "user action",
        "event consumed",
    ]
    assert {line.get("event_id") for line in lines[1:]} == {envelope["id"]}


def test_every_coupon_action_is_one_log_line(bus: ObservedBus, log: io.StringIO) -> None:
    user, product, coupon = a_buyer(points=500), a_product(stock=5, price=100), a_coupon(value=10)
    issued = issue(user, coupon)
    placed = place_with(user, issued.json["issued_coupon_id"], (product, 1))
    bought = placed.json["order_id"]
    requests = [issued, placed, cancel(user, bought)]

    carry_on(bus)

    actions = [
        tuple(line.get(name) for name in ("action", "user_id", "coupon_id", "order_id"))
        for request in requests
        for line in lines_about(log, request.headers["x-request-id"])
        if line["message"] == "user action"
    ]
    user_id = str(user.user_id)
    assert actions == [
        ("CouponIssued", user_id, coupon, None),
        ("OrderPlaced", user_id, None, bought),
        ("CouponUsed", user_id, coupon, bought),
        ("CouponReturned", user_id, coupon, bought),
    ]


def test_every_user_action_is_one_log_line(bus: ObservedBus, log: io.StringIO) -> None:
    user, product = a_buyer(points=500), a_product(stock=5, price=100)
    path = f"/products/{product}"
    body = {"lines": [{"product_id": product, "quantity": 1}], "payment_method": "POINT"}
    requests = [
        call("product/get_product", "GET", path),
        call("like/like_product", "PUT", f"{path}/like", token=user.token),
        call("like/unlike_product", "DELETE", f"{path}/like", token=user.token),
        call("order/place_order", "POST", "/orders", body=body, token=user.token, key=a_key()),
    ]
    assert stock_of(product) == 4

    carry_on(bus)

    actions = [
        line
        for request in requests
        for line in lines_about(log, request.headers["x-request-id"])
        if line["message"] == "user action"
    ]
    bought = requests[3].json["order_id"]
    told = ("action", "user_id", "product_id", "order_id")
    assert [tuple(line.get(name) for name in told) for line in actions] == [
        ("ProductViewed", None, product, None),
        ("ProductLiked", str(user.user_id), product, None),
        ("ProductUnliked", str(user.user_id), product, None),
        ("OrderPlaced", str(user.user_id), None, bought),
    ]
    assert all(line["occurred_at"].endswith("Z") and line["event_id"] for line in actions)
