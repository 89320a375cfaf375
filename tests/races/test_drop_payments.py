"""Cards that are declined for a drop's offer: the unit is not lost, and one holds it at a time."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from commerce.payment import MAX_DECLINES
from tests.support.drops import (
    an_offering_drop,
    entries,
    in_line,
    order_offer,
    settle,
    status_of_entry,
    statuses,
)
from tests.support.gateway import RunningGateway
from tests.support.orders import outcome, status_of, types_of
from tests.support.other_connection import wait_until
from tests.support.payments import (
    consume,
    events_of_payments,
    expire,
    follow,
    pay,
    reconcile,
    statuses_of,
    use_up_tries,
)
from tests.support.shop import Person, a_buyer, a_product, assert_books_hold, rows
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("own_shop")

THREADS = 12


class Offered:
    """A drop of one unit that is offered to the first of three; they order it by card."""

    def __init__(self) -> None:
        self.product = a_product(stock=1, price=500)
        buyers = [a_buyer() for _ in range(3)]
        self.id = an_offering_drop(self.product, buyers)
        self.buyer, self.entry = in_line(self.id, buyers)[0]
        self.claim_until = entries(self.id)[0].claim_until

    def order(self) -> str:
        """Order the unit, to be paid by card."""
        answer = order_offer(self.buyer, self.entry, self.product, payment_method="CARD")
        assert answer.status == 201, answer.json
        return str(answer.json["order_id"])

    def end_claim(self, order_id: str) -> None:
        """Let the time of the offer, and so of its order, be over."""
        sql = "SET {} = clock_timestamp() WHERE id = $1 RETURNING id"
        rows(f"UPDATE orders {sql.format('expires_at')}", UUID(order_id))
        rows(f"UPDATE drop_entry {sql.format('claim_until')}", UUID(self.entry))

    def assert_kept(self, *expected: str) -> None:
        """The line is so, and the first one's offer ends when it did at first."""
        settle(self.id)
        assert statuses(self.id) == list(expected)
        assert entries(self.id)[0].claim_until == self.claim_until
        assert_books_hold(self.product, users=[self.buyer.user_id])


@pytest.fixture
def drop() -> Offered:
    return Offered()


def declines_of(order_id: str) -> list[dict[str, Any]]:
    return [each for each in events_of_payments(order_id) if each["type"] == "PaymentFailed"]


def pay_with_a_good_card(gateway: RunningGateway, buyer: Person, order_id: str) -> None:
    gateway.behave("lose_callback")
    assert pay(buyer, order_id).status == 201
    wait_until(lambda: gateway.transactions(order_id)[-1]["status"] == "SUCCESS")
    assert reconcile()["failed"] == 0
    follow(order_id)


def test_two_declines_leave_the_order_and_the_third_card_buys_the_unit(
    gateway: RunningGateway, drop: Offered
) -> None:
    order_id = drop.order()
    gateway.behave("refuse")
    for _ in range(MAX_DECLINES - 1):
        assert pay(drop.buyer, order_id).json["status"] == "FAILED"
        follow(order_id)
        drop.assert_kept("ORDERED", "WAITING", "WAITING")

    pay_with_a_good_card(gateway, drop.buyer, order_id)

    assert types_of(order_id) == ["OrderPlaced", "OrderConfirmed"]
    drop.assert_kept("BOUGHT", "WAITING", "WAITING")


def test_declines_of_many_at_once_end_the_order_once_and_keep_the_offer(
    gateway: RunningGateway, drop: Offered
) -> None:
    order_id = drop.order()
    gateway.behave("refuse")
    run_concurrently([partial(pay, drop.buyer, order_id)] * THREADS)
    while pay(drop.buyer, order_id).status == 201:
        pass
    assert statuses_of(order_id) == ["FAILED"] * MAX_DECLINES

    told = [partial(consume, "order/on_payment_failed", each) for each in declines_of(order_id)]
    together: list[Callable[[], object]] = [*told * 4, *[partial(settle, drop.id)] * 4]
    run_concurrently(together)

    assert types_of(order_id) == ["OrderPlaced", "OrderCancelled"]
    drop.assert_kept("OFFERED", "WAITING", "WAITING")
    again = drop.order()
    pay_with_a_good_card(gateway, drop.buyer, again)
    assert status_of(again) == "CONFIRMED"
    drop.assert_kept("BOUGHT", "WAITING", "WAITING")


@pytest.mark.parametrize("round_", range(3))
def test_the_last_decline_and_the_end_of_the_claim_give_the_unit_to_one_heir(
    gateway: RunningGateway, drop: Offered, round_: int
) -> None:
    order_id = drop.order()
    use_up_tries(gateway, drop.buyer, order_id)
    drop.end_claim(order_id)
    last = declines_of(order_id)[-1]

    together: list[Callable[[], object]] = [
        *[partial(consume, "order/on_payment_failed", last)] * 3,
        *[expire] * 3,
        *[partial(settle, drop.id)] * 4,
        lambda: outcome(order_offer(drop.buyer, drop.entry, drop.product, payment_method="CARD")),
    ]
    *_, ordered_again = run_concurrently(together)
    settle(drop.id)

    assert ordered_again == "OFFER_NOT_VALID"
    assert types_of(order_id) == ["OrderPlaced", "OrderCancelled"]
    assert statuses(drop.id) == ["LAPSED", "OFFERED", "WAITING"]
    assert_books_hold(drop.product, users=[drop.buyer.user_id])


def test_a_card_that_may_be_charged_holds_the_unit_beyond_the_claim(
    gateway: RunningGateway, drop: Offered
) -> None:
    order_id = drop.order()
    gateway.behave("lose_callback")
    assert pay(drop.buyer, order_id).status == 201
    drop.end_claim(order_id)

    together: list[Callable[[], object]] = [*[expire] * 3, *[partial(settle, drop.id)] * 3]
    run_concurrently(together)
    assert (status_of_entry(drop.entry), status_of(order_id)) == ("ORDERED", "PENDING")
    wait_until(lambda: gateway.transactions(order_id)[-1]["status"] == "SUCCESS")
    reconcile()
    follow(order_id)
    settle(drop.id)

    assert statuses(drop.id) == ["BOUGHT", "WAITING", "WAITING"]
    assert_books_hold(drop.product, users=[drop.buyer.user_id])
