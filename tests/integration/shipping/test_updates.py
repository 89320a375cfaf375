"""The delivery system learns where goods go, and of each change in its order."""

import io
import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import permutations
from typing import Any

import pytest

from tests.support.addresses import an_address, change_address, shown
from tests.support.delivery import Delivery
from tests.support.orders import cancel, events_of, place, ship
from tests.support.queues import OpsTopic
from tests.support.shipping import a_changed_order, consume, event_of
from tests.support.shop import Person, a_buyer, a_product, an_admin, rows

pytestmark = pytest.mark.usefixtures("shop_environment")


@pytest.fixture
def buyer() -> Person:
    return a_buyer(points=10_000)


def an_order_to(buyer: Person, **changes: Any) -> str:
    product = a_product(stock=5, price=100, name="Rocket skates")
    answer = place(buyer, (product, 2), ship_to=an_address(**changes))
    assert answer.status == 201, answer.json
    return str(answer.json["order_id"])


def streets(delivery: Delivery, order_id: str) -> list[tuple[str, str | None]]:
    """Return the kind of each notice, and the street that it names."""
    return [
        (each["kind"], each["ship_to"] and each["ship_to"]["line1"])
        for each in delivery.received(order_id)
    ]


@contextmanager
def everything_logged() -> Iterator[io.StringIO]:
    """Collect what the shop and Powertools log, at DEBUG."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    loggers = [
        logging.getLogger(name) for name in ("lastunit", "commerce", "aws_lambda_powertools")
    ]
    levels = [each.level for each in loggers]
    for each in loggers:
        each.addHandler(handler)
        each.setLevel(logging.DEBUG)
    yield text
    for each, level in zip(loggers, levels, strict=True):
        each.removeHandler(handler)
        each.setLevel(level)


def changes_of(order_id: str) -> list[Any]:
    return [each for each in events_of(order_id) if each["type"] == "OrderAddressChanged"]


def test_a_notice_names_the_recipient_and_the_lines(delivery: Delivery, buyer: Person) -> None:
    order_id = an_order_to(buyer, line2="Unit 7")
    assert consume(event_of(order_id, "OrderConfirmed"))
    [notice] = delivery.received(order_id)
    assert notice["ship_to"] == shown(an_address(line2="Unit 7"))
    assert [(each["product_name"], each["quantity"]) for each in notice["lines"]] == [
        ("Rocket skates", 2)
    ]


def test_each_change_is_an_update_and_the_same_address_again_is_none(
    delivery: Delivery, buyer: Person
) -> None:
    order_id = an_order_to(buyer)
    assert consume(event_of(order_id, "OrderConfirmed"))
    for street in ("2 Mesa Road", "3 Butte Road", "3 Butte Road"):
        assert change_address(buyer, order_id, line1=street).status == 200
        assert all(consume(each) for each in changes_of(order_id))
    assert streets(delivery, order_id) == [
        ("ORDER", "1 Canyon Road"),
        ("UPDATE", "2 Mesa Road"),
        ("UPDATE", "3 Butte Road"),
    ]
    assert len(delivery.tries(order_id)) == 3


def test_a_change_before_the_order_is_sent_needs_no_update(
    delivery: Delivery, buyer: Person
) -> None:
    order_id, confirmed, changed = a_changed_order(buyer)
    assert [consume(each) for each in (changed, confirmed, changed)] == [True] * 3
    assert streets(delivery, order_id) == [("ORDER", "2 Mesa Road")]


def test_an_order_whose_answer_was_lost_is_completed_as_it_was_and_then_updated(
    delivery: Delivery, buyer: Person
) -> None:
    """The sender gives up after 3 s; the delivery system keeps the ORDER a second later."""
    order_id = an_order_to(buyer)
    delivery.behave("slow", times=1, seconds=4)
    assert not consume(event_of(order_id, "OrderConfirmed"))
    assert change_address(buyer, order_id, line1="2 Mesa Road").status == 200
    [changed] = changes_of(order_id)
    assert consume(changed)
    deadline = time.monotonic() + 10
    while len(delivery.tries(order_id)) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert consume(event_of(order_id, "OrderConfirmed"), receive_count=2)
    assert streets(delivery, order_id) == [("ORDER", "1 Canyon Road"), ("UPDATE", "2 Mesa Road")]


def test_an_update_that_was_begun_arrives_before_the_withdrawal(
    delivery: Delivery, buyer: Person
) -> None:
    order_id, _, changed = a_changed_order(buyer, is_sent=True)
    delivery.behave("fail", times=1)
    assert not consume(changed)
    assert cancel(buyer, order_id).status == 200
    assert consume(event_of(order_id, "OrderCancelled"))
    assert consume(changed, receive_count=2)
    assert delivery.kinds(order_id) == ["ORDER", "UPDATE", "WITHDRAWAL"]


@pytest.mark.parametrize("order", sorted(set(permutations(["confirmed", "changed"] * 2))))
@pytest.mark.parametrize("failures", [0, 1, 2])
def test_events_in_any_order_with_failures_end_with_the_present_address(
    delivery: Delivery, buyer: Person, order: tuple[str, ...], failures: int
) -> None:
    order_id, confirmed, changed = a_changed_order(buyer)
    if failures:
        delivery.behave("fail", times=failures)
    waiting = [confirmed if each == "confirmed" else changed for each in order]
    while waiting:
        event = waiting.pop(0)
        if not consume(event):
            waiting.append(event)
    assert streets(delivery, order_id)[-1][1] == "2 Mesa Road"
    assert delivery.kinds(order_id)[0] == "ORDER"


def test_no_event_log_line_or_alert_shows_an_address(
    delivery: Delivery,
    topic: OpsTopic,
    buyer: Person,
    capsys: pytest.CaptureFixture[str],
) -> None:
    secret = {
        "recipient": "Zebulon Quagmire",
        "phone": "+1 (555) 867-5309",
        "line1": "77 Xylophone Row",
        "line2": "Attic Qwertz",
        "city": "Zyzzogeton",
        "region": "Vexillaria",
        "country": "US",
        "postal_code": "97531",
    }
    with everything_logged() as text:
        order_id = an_order_to(buyer, **secret)
        assert (
            change_address(buyer, order_id, **(secret | {"line2": "Cellar Qwertz"})).status == 200
        )
        assert change_address(buyer, order_id, **(secret | {"phone": "Zebulon"})).status == 422
        delivery.behave("fail")
        for event in ("OrderConfirmed", "OrderAddressChanged"):
            assert not consume(event_of(order_id, event), receive_count=3)
        delivery.behave("ok")
        assert consume(event_of(order_id, "OrderConfirmed"))
        shipped = ship(an_admin(), order_id, carrier="CJ", tracking_number="Qwertz-1")
        assert shipped.status == 200
    captured = capsys.readouterr()
    events = json.dumps([dict(each) for each in events_of(order_id)])
    assert "OrderAddressChanged" in events
    written = text.getvalue() + captured.out + captured.err
    assert "answered" in written
    alerts = str(topic.received())
    assert "SHIPMENT_NOTICE_FAILED" in alerts
    assert "Zebulon" in str(delivery.received(order_id))
    words = (*(value for name, value in secret.items() if name != "country"), "Qwertz")
    for place_, shown_ in (("events", events), ("log", written), ("alerts", alerts)):
        assert [word for word in words if word in shown_] == [], place_


def test_a_notice_that_arrived_leaves_no_address_with_its_shipment(
    delivery: Delivery, buyer: Person
) -> None:
    order_id, confirmed, changed = a_changed_order(buyer)
    delivery.behave("fail", times=1)
    assert not consume(confirmed)
    sql = "SELECT under_way IS NULL AS is_done, sent_version FROM shipment WHERE order_id = $1"
    [kept] = rows(sql, order_id)
    assert not kept.is_done
    assert [consume(each) for each in (confirmed, changed)] == [True] * 2
    [kept] = rows(sql, order_id)
    assert (kept.is_done, kept.sent_version) == (True, 3)


def test_an_order_begun_by_the_code_before_is_updated_afterwards(
    delivery: Delivery, buyer: Person
) -> None:
    order_id, confirmed, changed = a_changed_order(buyer)
    delivery.behave("fail", times=1)
    assert not consume(confirmed)
    rows("UPDATE shipment SET under_way = NULL, sent_version = 0 WHERE order_id = $1", order_id)
    assert [consume(each) for each in (confirmed, changed)] == [True] * 2
    assert streets(delivery, order_id) == [("ORDER", "2 Mesa Road"), ("UPDATE", "2 Mesa Road")]
