"""Changes of addresses, raced on real connections against all that they meet."""

from collections import Counter
from functools import partial

import pytest

from commerce.user.address_book.model import MAX_ADDRESSES
from tests.support.addresses import (
    add_address,
    an_address,
    change_address,
    edit_address,
    list_addresses,
)
from tests.support.delivery import Delivery
from tests.support.lambda_calls import call
from tests.support.orders import cancel, events_of, outcome, place, ship
from tests.support.points import a_user
from tests.support.shipping import consume, event_of
from tests.support.shop import (
    Person,
    a_buyer,
    a_product,
    an_admin,
    assert_books_hold,
    rows,
)
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment", "cheap_hashes")


def an_order_to(buyer: Person) -> str:
    answer = place(buyer, (a_product(stock=5, price=100), 2), ship_to=an_address())
    assert answer.status == 201, answer.json
    return str(answer.json["order_id"])


def street_of(buyer: Person, order_id: str) -> str:
    answer = call("order/get_order", "GET", f"/orders/{order_id}", token=buyer.token)
    return str(answer.json["ship_to"]["line1"])


def changes_of(order_id: str) -> list[dict[str, object]]:
    found = [dict(each) for each in events_of(order_id)]
    return [each for each in found if each["type"] == "OrderAddressChanged"]


@pytest.mark.parametrize("repetition", range(4))
def test_a_change_against_a_shipment_is_before_it_or_refused(
    delivery: Delivery, repetition: int
) -> None:
    buyer, admin = a_buyer(points=1_000), an_admin()
    order_id = an_order_to(buyer)
    assert consume(event_of(order_id, "OrderConfirmed"))
    calls = [partial(change_address, buyer, order_id, line1=f"{n} Mesa Road") for n in range(12)]
    answers = run_concurrently([*calls[:6], partial(ship, admin, order_id), *calls[6:]])
    shipped = answers.pop(6)
    assert shipped.status == 200
    changed = [n for n, each in enumerate(answers) if each.status == 200]
    assert (
        Counter(map(outcome, answers))
        == Counter({"200": len(changed), "ORDER_NOT_EDITABLE": 12 - len(changed)}) - Counter()
    )
    assert len(changes_of(order_id)) == len(changed)
    [version] = rows("SELECT version FROM orders WHERE id = $1", order_id)
    assert version.version == 2 + len(changed) + 1  # the shipment is its last event
    run_concurrently([partial(consume, each) for each in changes_of(order_id)] or [lambda: True])
    told = [each["ship_to"]["line1"] for each in delivery.received(order_id)]
    assert told[-1] == street_of(buyer, order_id)
    assert_books_hold()


@pytest.mark.parametrize("repetition", range(4))
def test_changes_against_a_cancellation_end_with_the_withdrawal(
    delivery: Delivery, repetition: int
) -> None:
    buyer = a_buyer(points=1_000)
    order_id = an_order_to(buyer)
    delivery.behave("slow", times=6, seconds=0.05)
    calls = [partial(change_address, buyer, order_id, line1=f"{n} Mesa Road") for n in range(8)]
    answers = run_concurrently([*calls[:4], partial(cancel, buyer, order_id), *calls[4:]])
    assert answers.pop(4).status == 200
    assert {outcome(each) for each in answers} <= {"200", "ORDER_NOT_EDITABLE"}
    events = [each for each in events_of(order_id) if each["type"] != "OrderPlaced"]
    assert all(run_concurrently([partial(consume, each) for each in events * 2]))
    kinds = delivery.kinds(order_id)
    assert kinds in ([], ["ORDER", *["UPDATE"] * (len(kinds) - 2), "WITHDRAWAL"])
    assert_books_hold()


@pytest.mark.parametrize("repetition", range(3))
def test_many_notices_of_changes_at_once_end_with_the_present_address(
    delivery: Delivery, repetition: int
) -> None:
    buyer = a_buyer(points=1_000)
    order_id = an_order_to(buyer)
    delivery.behave("slow", times=4, seconds=0.1)

    def change(number: int) -> bool:
        assert change_address(buyer, order_id, line1=f"{number} Mesa Road").status == 200
        return all(consume(each) for each in changes_of(order_id))

    confirm = partial(consume, event_of(order_id, "OrderConfirmed"))
    assert all(run_concurrently([confirm, confirm, *(partial(change, n) for n in range(8))]))
    received = delivery.received(order_id)
    assert received[0]["kind"] == "ORDER"
    versions = [each["version"] for each in received]
    assert versions == sorted(versions)
    assert received[-1]["ship_to"]["line1"] == street_of(buyer, order_id)
    assert_books_hold()


def test_twenty_addresses_are_all_however_many_are_added_at_once() -> None:
    user = a_user()
    answers = run_concurrently([partial(add_address, user, is_default=True)] * 30)
    assert Counter(map(outcome, answers)) == {"201": MAX_ADDRESSES, "TOO_MANY_ADDRESSES": 10}
    assert [each["is_default"] for each in list_addresses(user)] == [True] + [False] * 19


def test_one_address_is_the_default_however_many_become_it_at_once() -> None:
    user = a_user()
    ids = [add_address(user).json["address_id"] for _ in range(8)]
    calls = [partial(edit_address, user, each, is_default=True) for each in ids]
    assert {each.status for each in run_concurrently(calls)} == {200}
    assert [each["is_default"] for each in list_addresses(user)] == [True] + [False] * 7
