"""The overview shows what is wrong by the rows; operators' repairs are audited."""

from typing import Any

import pytest

from commerce.app.checkout.gateway import payment_breaker
from commerce.app.messaging import relay
from commerce.payment import State
from commerce.payment.breaker import Call
from commerce.runtime.db.current import database
from commerce.runtime.messaging.bus import MAX_BYTES
from commerce.shared import clock
from tests.support.admin import audit_of, edit_product
from tests.support.delivery import Delivery
from tests.support.gateway import RunningGateway
from tests.support.operations import order_as_admin, overview, requeue, sales
from tests.support.orders import a_pending_order, an_order, cancel_as_admin, deliver, ship
from tests.support.payments import a_card_order, pay, payments_of, sync
from tests.support.shop import a_buyer, a_product, an_admin, rows
from tests.support.time_travel import earlier

pytestmark = pytest.mark.usefixtures("own_shop")


def the_overview() -> Any:
    answer = overview()
    assert answer.status == 200, answer.json
    return answer.json


def stuck() -> list[tuple[str, str, str]]:
    return [
        (each["order_id"], each["status"], each["problem"])
        for each in the_overview()["stuck_orders"]
    ]


def test_a_healthy_shop_has_an_empty_overview() -> None:
    found = the_overview()
    assert found["outbox"] == {
        "waiting": 0, "oldest_age_seconds": 0, "set_aside_count": 0, "set_aside": []
    }  # fmt: skip
    assert (found["stuck_orders"], found["payments"]) == ([], [])
    assert found["breaker"] == {
        "state": "closed", "since": None, "calls": 0, "failed": 0, "causes": [],
        "opening": None,
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
        each["status"]: (each["now"], each["placed_within_a_day"])
        for each in the_overview()["orders"]
    }
    assert states == {
        "PENDING": (1, 1),
        "CONFIRMED": (1, 1),
        "SHIPPED": (1, 1),
        "DELIVERED": (None, 1),
        "CANCELLED": (None, 1),
    }


def test_a_pending_order_that_did_not_expire_in_time_is_stuck() -> None:
    buyer, product = a_buyer(points=1_000), a_product(stock=9, price=100)
    order_id, other = (
        a_pending_order(buyer, product, points=0),
        a_pending_order(buyer, product, points=0),
    )
    rows("UPDATE orders SET expires_at = now() - interval '3 minutes' WHERE id = $1", order_id)
    rows("UPDATE orders SET expires_at = now() - interval '1 minute' WHERE id = $1", other)
    assert stuck() == [(order_id, "PENDING", "NOT_EXPIRED")]


def test_a_confirmed_order_without_shipment_notice_is_stuck_after_five_minutes() -> None:
    buyer, product = a_buyer(points=1_000), a_product(stock=9, price=100)
    fresh, late, notified = (an_order(buyer, (product, 1)) for _ in range(3))
    for order_id in (late, notified):
        rows(
            "UPDATE order_history SET at = now() - interval '6 minutes' WHERE order_id = $1",
            order_id,
        )
    rows("INSERT INTO shipment_notice VALUES ($1, 'ORDER', now())", notified)
    assert stuck() == [(late, "CONFIRMED", "NOT_TOLD")]
    assert fresh not in str(stuck())


def test_a_cancelled_order_without_withdrawal_is_stuck_after_five_minutes() -> None:
    buyer, product = a_buyer(points=1_000), a_product(stock=9, price=100)
    order_id, other = (an_order(buyer, (product, 1)) for _ in range(2))
    for each in (order_id, other):
        rows("INSERT INTO shipment_notice VALUES ($1, 'ORDER', now())", each)
        cancel_as_admin(an_admin(), each)
        rows("UPDATE order_history SET at = now() - interval '6 minutes' WHERE order_id = $1", each)
    rows("INSERT INTO shipment_notice VALUES ($1, 'WITHDRAWAL', now())", other)
    assert stuck() == [(order_id, "CANCELLED", "NOT_WITHDRAWN")]


def test_an_order_unshipped_for_a_day_or_undelivered_for_two_weeks_is_stuck() -> None:
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


def test_an_unfinished_payment_is_listed_and_late_after_five_minutes(
    gateway: RunningGateway,
) -> None:
    gateway.behave("lose_callback")
    buyer, product = a_buyer(), a_product(stock=2, price=500)
    order_id = a_card_order(buyer, product)
    pay(buyer, order_id)
    [payment] = payments_of(order_id)
    [shown] = the_overview()["payments"]
    assert (shown["payment_id"], shown["order_id"]) == (str(payment.id), order_id)
    assert (shown["status"], shown["late"]) == ("PENDING", False)
    assert shown["amount"] == {"amount": 500, "currency": "KRW"}
    rows("UPDATE payment SET changed_at = now() - interval '6 minutes'")
    assert the_overview()["payments"][0]["late"] is True


def test_a_payment_sync_is_audited_with_its_admin(gateway: RunningGateway) -> None:
    gateway.behave("lose_callback")
    buyer, product, admin = a_buyer(), a_product(stock=2, price=500), an_admin()
    order_id = a_card_order(buyer, product)
    pay(buyer, order_id)
    [payment] = payments_of(order_id)
    assert sync(admin, str(payment.id)).status == 200
    assert audit_of(str(payment.id)) == [
        (f"admin:{admin.user_id}", "sync payment", {}, {"status_before": "PENDING"})
    ]


def test_the_causes_of_an_open_breaker_are_shown() -> None:
    breaker = payment_breaker()
    for _ in range(10):
        permit = breaker.admit()
        breaker.report(permit, [Call(0.1, "HTTP 500")])  # type: ignore[arg-type]
    found = the_overview()["breaker"]
    assert (found["state"], found["causes"]) == (State.OPEN.value, [])
    assert found["opening"]["causes"] == ["HTTP 500 (10 times)"]
    assert (found["opening"]["calls"], found["opening"]["failed"]) == (10, 10)
    assert found["since"] is not None


def test_recent_failures_are_shown_while_the_breaker_is_closed() -> None:
    breaker = payment_breaker()
    for call in (Call(0.1), Call(2.5), Call(0.1, "HTTP 503")):
        breaker.report(breaker.admit(), [call])  # type: ignore[arg-type]
    found = the_overview()["breaker"]
    assert (found["state"], found["calls"], found["failed"]) == ("closed", 3, 2)
    assert found["causes"] == ["HTTP 503", "slow, 2.5 s"]


def test_without_valkey_the_breakers_state_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.support.valkey import forget_valkey

    with monkeypatch.context() as patched:
        patched.setenv("VALKEY_URL", "redis://127.0.0.1:1/0")
        forget_valkey()
        found = the_overview()
    forget_valkey()
    assert found["breaker"]["state"] == "unknown"


def test_a_quarantined_event_is_shown_and_can_be_requeued() -> None:
    buyer, product, admin = a_buyer(points=1_000), a_product(stock=1, price=100), an_admin()
    an_order(buyer, (product, 1))
    before = the_overview()["outbox"]
    assert before["waiting"] > 0
    rows(
        "UPDATE outbox SET data = data || jsonb_build_object('x', repeat('x', $1))"
        " WHERE type = 'OrderConfirmed'",
        MAX_BYTES,
    )
    relay().run()
    box = the_overview()["outbox"]
    [event] = box["set_aside"]
    assert (box["set_aside_count"], event["type"]) == (1, "OrderConfirmed")
    assert "large" in event["cause"]

    answer = requeue(event["event_id"], by=admin)

    assert (answer.status, answer.json["put_back"]) == (200, True)
    assert the_overview()["outbox"]["set_aside_count"] == 0
    assert audit_of(event["event_id"]) == [
        (f"admin:{admin.user_id}", "put back event", {"set_aside": True}, {"set_aside": False})
    ]
    again = requeue(event["event_id"])
    assert (again.status, again.json["code"]) == (404, "EVENT_NOT_SET_ASIDE")
    assert requeue("nonsense").status == 404


def test_an_order_is_shown_with_its_buyer_history_and_shipment_notices(delivery: Delivery) -> None:
    buyer, admin, product = a_buyer(points=1_000), an_admin(), a_product(stock=1, price=100)
    order_id = an_order(buyer, (product, 1))
    rows("INSERT INTO shipment_notice VALUES ($1, 'ORDER', now())", order_id)
    ship(admin, order_id)
    found = order_as_admin(order_id)
    assert found.status == 200
    assert found.json["buyer_id"] == str(buyer.user_id)
    assert [each["status"] for each in found.json["history"]] == ["CONFIRMED", "SHIPPED"]
    assert found.json["history"][1]["by"] == f"admin:{admin.user_id}"
    assert [each["kind"] for each in found.json["notices"]] == ["ORDER"]
    assert order_as_admin(str(clock.new_id())).json["code"] == "ORDER_NOT_FOUND"


def test_sales_are_summed_by_the_hour_and_show_the_remaining_stock() -> None:
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


def test_an_unpaid_order_is_not_sold_and_a_product_has_its_present_name() -> None:
    buyer, product = a_buyer(points=100_000), a_product(stock=50, price=1000, name="Zither")
    an_order(buyer, (product, 2))
    for name in ("Anvil", "Bellows"):
        assert edit_product(product, name=name).status == 200
    an_order(buyer, (product, 3))
    a_pending_order(buyer, product, points=0)
    found = sales().json
    assert [(each["name"], each["units_sold"]) for each in found["products"]] == [("Bellows", 5)]
    assert sum(each["amount"]["amount"] for each in found["hours"]) == 5000
    assert sum(each["orders"] for each in found["hours"]) == 2
