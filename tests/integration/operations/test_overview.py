"""What is wrong now, as the rows have it; what operators set right is in the audit."""

from typing import Any

import pytest

from commerce.app.checkout.gateway import payment_breaker
from commerce.app.messaging import relay
from commerce.payment import State
from commerce.payment.breaker import Call
from commerce.runtime.db.current import database
from commerce.runtime.messaging.bus import MAX_BYTES
from commerce.shared import clock
from tests.support.admin import audit_of
from tests.support.delivery import Delivery
from tests.support.desk import order_as_admin, overview, put_back, sales
from tests.support.gateway import RunningGateway
from tests.support.orders import a_pending_order, an_order, cancel_as_admin, deliver, ship
from tests.support.payments import a_card_order, pay, payments_of, sync
from tests.support.shop import a_buyer, a_product, an_admin, rows
from tests.support.time_travel import earlier

pytestmark = pytest.mark.usefixtures("own_shop")


def looked_at() -> Any:
    answer = overview()
    assert answer.status == 200, answer.json
    return answer.json


def stuck() -> list[tuple[str, str, str]]:
    return [
        (each["order_id"], each["status"], each["problem"]) for each in looked_at()["stuck_orders"]
    ]


def test_a_shop_where_all_is_well_says_so() -> None:
    found = looked_at()
    assert found["outbox"] == {
        "waiting": 0, "oldest_age_seconds": 0, "set_aside_count": 0, "set_aside": []
    }  # fmt: skip
    assert (found["stuck_orders"], found["payments"]) == ([], [])
    assert found["breaker"] == {
        "state": "closed", "since": None, "calls": 0, "failed": 0, "causes": []
    }  # fmt: skip
    assert {each["placed_within_a_day"] for each in found["orders"]} == {0}


def test_orders_are_counted_by_state() -> None:
    buyer, admin, product = a_buyer(points=10_000), an_admin(), a_product(stock=9, price=100)
    a_pending_order(buyer, product, points=0)
    _, shipped, delivered, cancelled = (an_order(buyer, (product, 1)) for _ in range(4))
    ship(admin, shipped)
    ship(admin, delivered)
    deliver(admin, delivered)
    cancel_as_admin(admin, cancelled)
    states = {
        each["status"]: (each["now"], each["placed_within_a_day"]) for each in looked_at()["orders"]
    }
    assert states == {
        "PENDING": (1, 1),
        "CONFIRMED": (1, 1),
        "SHIPPED": (1, 1),
        "DELIVERED": (None, 1),
        "CANCELLED": (None, 1),
    }


def test_a_pending_order_past_its_time_is_stuck() -> None:
    buyer, product = a_buyer(points=1_000), a_product(stock=9, price=100)
    order_id, other = (
        a_pending_order(buyer, product, points=0),
        a_pending_order(buyer, product, points=0),
    )
    rows("UPDATE orders SET expires_at = now() - interval '3 minutes' WHERE id = $1", order_id)
    rows("UPDATE orders SET expires_at = now() - interval '1 minute' WHERE id = $1", other)
    assert stuck() == [(order_id, "PENDING", "NOT_EXPIRED")]


def test_a_confirmed_order_that_the_delivery_system_was_not_told_is_stuck() -> None:
    buyer, product = a_buyer(points=1_000), a_product(stock=9, price=100)
    fresh, late, told = (an_order(buyer, (product, 1)) for _ in range(3))
    for order_id in (late, told):
        rows(
            "UPDATE order_history SET at = now() - interval '6 minutes' WHERE order_id = $1",
            order_id,
        )
    rows("INSERT INTO shipment_notice VALUES ($1, 'ORDER', now())", told)
    assert stuck() == [(late, "CONFIRMED", "NOT_TOLD")]
    assert fresh not in str(stuck())


def test_a_cancelled_order_that_is_not_withdrawn_is_stuck() -> None:
    buyer, product = a_buyer(points=1_000), a_product(stock=9, price=100)
    order_id, other = (an_order(buyer, (product, 1)) for _ in range(2))
    for each in (order_id, other):
        rows("INSERT INTO shipment_notice VALUES ($1, 'ORDER', now())", each)
        cancel_as_admin(an_admin(), each)
        rows("UPDATE order_history SET at = now() - interval '6 minutes' WHERE order_id = $1", each)
    rows("INSERT INTO shipment_notice VALUES ($1, 'WITHDRAWAL', now())", other)
    assert stuck() == [(order_id, "CANCELLED", "NOT_WITHDRAWN")]


def test_what_is_not_shipped_for_a_day_or_not_delivered_for_two_weeks_is_stuck() -> None:
    buyer, admin, product = a_buyer(points=1_000), an_admin(), a_product(stock=9, price=100)
    with earlier(hours=25):
        waiting = an_order(buyer, (product, 1))
    with earlier(days=15):
        ship(admin, shipped := an_order(buyer, (product, 1)))
    with earlier(days=13):
        ship(admin, an_order(buyer, (product, 1)))
    assert stuck() == [
        (waiting, "CONFIRMED", "NOT_SHIPPED"), (shipped, "SHIPPED", "NOT_DELIVERED")
    ]  # fmt: skip


def test_stuck_orders_are_found_by_an_index() -> None:
    buyer, product = a_buyer(points=1_000), a_product(stock=9, price=100)
    an_order(buyer, (product, 1))
    rows("SET enable_seqscan = off")
    plan = rows(
        "EXPLAIN SELECT id FROM orders WHERE status = 'CONFIRMED' AND id < $1 ORDER BY id LIMIT 20",
        clock.new_id(),
    )
    database().close()
    assert "order_on_its_way" in str(plan)


def test_a_payment_without_an_end_is_shown_and_late_after_five_minutes(
    gateway: RunningGateway,
) -> None:
    gateway.behave("lose_callback")
    buyer, product = a_buyer(), a_product(stock=2, price=500)
    order_id = a_card_order(buyer, product)
    pay(buyer, order_id)
    [payment] = payments_of(order_id)
    [shown] = looked_at()["payments"]
    assert (shown["payment_id"], shown["order_id"]) == (str(payment.id), order_id)
    assert (shown["status"], shown["late"]) == ("PENDING", False)
    assert shown["amount"] == {"amount": 500, "currency": "KRW"}
    rows("UPDATE payment SET changed_at = now() - interval '6 minutes'")
    assert looked_at()["payments"][0]["late"] is True


def test_who_has_the_gateway_asked_is_in_the_audit(gateway: RunningGateway) -> None:
    gateway.behave("lose_callback")
    buyer, product, admin = a_buyer(), a_product(stock=2, price=500), an_admin()
    order_id = a_card_order(buyer, product)
    pay(buyer, order_id)
    [payment] = payments_of(order_id)
    assert sync(admin, str(payment.id)).status == 200
    assert audit_of(str(payment.id)) == [
        (f"admin:{admin.user_id}", "sync payment", {}, {"status_before": "PENDING"})
    ]


def test_why_the_breaker_is_open_can_be_read_while_it_is() -> None:
    breaker = payment_breaker()
    for _ in range(10):
        permit = breaker.admit()
        breaker.report(permit, [Call(0.1, "HTTP 500")])  # type: ignore[arg-type]
    found = looked_at()["breaker"]
    assert (found["state"], found["causes"]) == (State.OPEN.value, ["HTTP 500"] * 5)
    assert found["since"] is not None


def test_calls_that_failed_lately_are_shown_while_it_is_closed() -> None:
    breaker = payment_breaker()
    for call in (Call(0.1), Call(2.5), Call(0.1, "HTTP 503")):
        breaker.report(breaker.admit(), [call])  # type: ignore[arg-type]
    found = looked_at()["breaker"]
    assert (found["state"], found["calls"], found["failed"]) == ("closed", 3, 2)
    assert found["causes"] == ["slow, 2.5 s", "HTTP 503"]


def test_without_valkey_the_breakers_state_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.support.valkey import forget_valkey

    with monkeypatch.context() as patched:
        patched.setenv("VALKEY_URL", "redis://127.0.0.1:1/0")
        forget_valkey()
        found = looked_at()
    forget_valkey()
    assert found["breaker"]["state"] == "unknown"


def test_an_event_that_was_set_aside_is_shown_and_put_back() -> None:
    buyer, product, admin = a_buyer(points=1_000), a_product(stock=1, price=100), an_admin()
    an_order(buyer, (product, 1))
    before = looked_at()["outbox"]
    assert before["waiting"] > 0
    rows(
        "UPDATE outbox SET data = data || jsonb_build_object('x', repeat('x', $1))"
        " WHERE type = 'OrderConfirmed'",
        MAX_BYTES,
    )
    relay().run()
    box = looked_at()["outbox"]
    [event] = box["set_aside"]
    assert (box["set_aside_count"], event["type"]) == (1, "OrderConfirmed")
    assert "large" in event["cause"]

    answer = put_back(event["event_id"], by=admin)

    assert (answer.status, answer.json["put_back"]) == (200, True)
    assert looked_at()["outbox"]["set_aside_count"] == 0
    assert audit_of(event["event_id"]) == [
        (f"admin:{admin.user_id}", "put back event", {"set_aside": True}, {"set_aside": False})
    ]
    again = put_back(event["event_id"])
    assert (again.status, again.json["code"]) == (404, "EVENT_NOT_SET_ASIDE")
    assert put_back("nonsense").status == 404


def test_an_order_is_seen_with_its_buyer_its_history_and_what_was_told(delivery: Delivery) -> None:
    buyer, admin, product = a_buyer(points=1_000), an_admin(), a_product(stock=1, price=100)
    order_id = an_order(buyer, (product, 1))
    rows("INSERT INTO shipment_notice VALUES ($1, 'ORDER', now())", order_id)
    ship(admin, order_id)
    found = order_as_admin(order_id)
    assert found.status == 200
    assert found.json["buyer_id"] == str(buyer.user_id)
    assert [step["status"] for step in found.json["history"]] == ["CONFIRMED", "SHIPPED"]
    assert found.json["history"][1]["by"] == f"admin:{admin.user_id}"
    assert [each["kind"] for each in found.json["notices"]] == ["ORDER"]
    assert order_as_admin(str(clock.new_id())).json["code"] == "ORDER_NOT_FOUND"


def test_sales_are_summed_by_the_hour_and_say_what_is_left() -> None:
    buyer, admin = a_buyer(points=100_000), an_admin()
    jar, bowl = a_product(stock=9, price=100, name="Jar"), a_product(stock=1, price=50, name="Bowl")
    an_order(buyer, (jar, 3))
    an_order(buyer, (jar, 1), (bowl, 1))
    cancel_as_admin(admin, an_order(buyer, (jar, 2)))
    with earlier(hours=25):
        an_order(buyer, (jar, 2))
    found = sales().json
    assert len(found["hours"]) == 24
    assert sum(each["orders"] for each in found["hours"]) == 2
    last = found["hours"][-1]
    assert (last["orders"], last["cancelled"]) == (2, 1)
    assert last["amount"] == {"amount": 450, "currency": "KRW"}
    assert [
        (each["name"], each["units_sold"], each["stock_quantity"]) for each in found["products"]
    ] == [("Jar", 4, 3), ("Bowl", 1, 0)]
