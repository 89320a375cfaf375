"""Returns and refunds by staff, by many at once on real connections: each goes back once."""

from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest

from tests.support.gateway import RunningGateway
from tests.support.lambda_calls import Answer
from tests.support.orders import an_order, deliver, events_of, outcome, ship, status_of
from tests.support.payments import (
    CONSUMERS,
    consume,
    follow,
    pay,
    place_by_card,
    reconcile,
    settled,
)
from tests.support.returns import (
    a_delivered_order,
    a_return,
    hand_over,
    receive_return,
    refund_order,
    reject_return,
    request_return,
    withdraw_return,
)
from tests.support.shop import (
    a_buyer,
    a_product,
    an_admin,
    assert_books_hold,
    balance_of,
    rows,
    stock_of,
)
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment")

THREADS = 20
REFUSED = "RETURN_NOT_POSSIBLE"


class World:
    """A buyer of 2,000 points, an admin, and twelve units at 100."""

    def __init__(self) -> None:
        self.buyer, self.admin = a_buyer(points=2_000), an_admin()
        self.product = a_product(stock=12, price=100)

    def delivered(self, units: int) -> str:
        return a_delivered_order(self.buyer, self.admin, (self.product, units))

    def delivered_by_card(self, units: int, points: int = 0) -> str:
        placed = place_by_card(self.buyer, (self.product, units), points=points)
        order_id = str(placed.json["order_id"])
        assert pay(self.buyer, order_id).status == 201
        settled(order_id, "SUCCEEDED")
        follow(order_id)
        hand_over(self.admin, order_id)
        return order_id

    def request(self, order_id: str, units: int = 1) -> Answer:
        return request_return(self.buyer, order_id, (self.product, units))

    def returning(self, order_id: str, units: int = 1) -> str:
        return a_return(self.buyer, order_id, (self.product, units))

    def receive(self, return_id: str, units: int = 1, *, restock: bool = True) -> Answer:
        return receive_return(self.admin, return_id, (self.product, units), restock=restock)

    def left(self) -> tuple[int, int]:
        """The units and the points that are left."""
        return stock_of(self.product), balance_of(self.buyer.user_id)

    def assert_books_hold(self) -> None:
        assert_books_hold(self.product, users=[self.buyer.user_id])


@pytest.fixture
def world() -> World:
    return World()


def race(*calls: Callable[[], Answer]) -> Counter[str]:
    return Counter(outcome(answer) for answer in run_concurrently(calls))


def status_of_return(return_id: str) -> str:
    [row] = rows("SELECT status FROM order_return WHERE id = $1", return_id)
    return str(row.status)


def refunds_at(gateway: RunningGateway, order_id: str) -> list[int]:
    """Return the amounts of the refunds that the gateway has made, in their order."""
    [transaction] = gateway.transactions(order_id)
    return [each["amount"] for each in transaction["refunds"]]


def consumed(order_id: str, type_: str) -> list[Callable[[], bool]]:
    """Return a delivery of each of the order's events of this type."""
    events = [dict(each) for each in events_of(order_id) if each["type"] == type_]
    return [partial(consume, CONSUMERS[type_], each) for each in events]


@pytest.mark.parametrize("repetition", range(3))
def test_no_more_is_returned_than_was_bought_however_many_request(
    world: World, repetition: int
) -> None:
    order_id = world.delivered(11)

    outcomes = race(*[partial(world.request, order_id, 2)] * THREADS)

    assert outcomes == {"201": 5, REFUSED: THREADS - 5}
    [row] = rows("SELECT count(*) AS open FROM order_return WHERE order_id = $1"
                 " AND status = 'REQUESTED'", order_id)  # fmt: skip
    assert row.open == 5
    world.assert_books_hold()


@pytest.mark.parametrize("repetition", range(3))
def test_a_return_received_by_many_at_once_is_received_once(world: World, repetition: int) -> None:
    order_id = world.delivered(4)
    return_id = world.returning(order_id, 3)

    outcomes = race(*[partial(world.receive, return_id, 3)] * THREADS)

    assert outcomes == {"200": 1, REFUSED: THREADS - 1}
    assert world.left() == (11, 1_900)
    world.assert_books_hold()


@pytest.mark.parametrize("repetition", range(5))
def test_of_receipt_withdrawal_and_rejection_the_first_wins(world: World, repetition: int) -> None:
    order_id = world.delivered(4)
    return_id = world.returning(order_id, 3)

    outcomes = race(
        *[partial(world.receive, return_id, 3)] * 4,
        *[partial(withdraw_return, world.buyer, return_id)] * 4,
        *[partial(reject_return, world.admin, return_id)] * 4,
    )

    assert outcomes == {"200": 1, REFUSED: 11}
    is_received = status_of_return(return_id) == "RECEIVED"
    assert world.left() == ((11, 1_900) if is_received else (8, 1_600))
    world.assert_books_hold()


@pytest.mark.parametrize("repetition", range(3))
def test_an_order_is_returned_only_once_its_delivery_is_committed(
    world: World, repetition: int
) -> None:
    order_id = an_order(world.buyer, (world.product, 3))
    assert ship(world.admin, order_id).status == 200

    outcomes = race(
        *[partial(world.request, order_id)] * 10, *[partial(deliver, world.admin, order_id)] * 2
    )

    assert (outcomes["200"], outcomes["ORDER_NOT_DELIVERABLE"]) == (1, 1)
    assert outcomes["201"] + outcomes[REFUSED] == 10
    assert outcomes["201"] <= 3
    assert status_of(order_id) == "DELIVERED"
    [row] = rows("SELECT count(*) AS count FROM order_return WHERE order_id = $1", order_id)
    assert row.count == outcomes["201"]
    world.assert_books_hold()


@pytest.mark.parametrize("repetition", range(3))
def test_receipts_and_staff_refund_all_that_was_paid_and_no_more(
    world: World, gateway: RunningGateway, repetition: int
) -> None:
    order_id = world.delivered_by_card(6, points=250)  # 350 by card
    returns = [world.returning(order_id) for _ in range(6)]

    outcomes = race(
        *[partial(world.receive, each) for each in returns],
        *[partial(refund_order, world.admin, order_id, 150)] * 6,
    )
    follow(order_id)

    assert outcomes["200"] == 6
    assert outcomes["201"] + outcomes["REFUND_EXCEEDS_PAID"] == 6
    assert world.left() == (12, 2_000)
    assert sum(refunds_at(gateway, order_id)) == 350
    world.assert_books_hold()


def test_staff_refund_no_more_than_was_paid_however_many_at_once(world: World) -> None:
    order_id = world.delivered(5)

    outcomes = race(*[partial(refund_order, world.admin, order_id, 150)] * THREADS)

    assert outcomes == {"201": 3, "REFUND_EXCEEDS_PAID": THREADS - 3}
    assert world.left() == (7, 1_950)
    world.assert_books_hold()


@pytest.mark.usefixtures("own_shop")
def test_refunds_of_returns_are_made_once_by_all_who_request_them(
    world: World, gateway: RunningGateway
) -> None:
    order_id = world.delivered_by_card(5)
    for _ in range(3):
        assert world.receive(world.returning(order_id)).status == 200
    assert refund_order(world.admin, order_id, 50).status == 201
    deliveries = [*consumed(order_id, "ReturnReceived"), *consumed(order_id, "OrderRefunded")]

    def ask() -> bool:
        return reconcile()["failed"] == 0

    assert all(run_concurrently([*deliveries * 4, ask, ask]))

    assert sorted(refunds_at(gateway, order_id)) == [50, 100, 100, 100]
    world.assert_books_hold()


@pytest.mark.usefixtures("own_shop")
def test_refunds_whose_answers_are_lost_are_made_once(
    world: World, gateway: RunningGateway
) -> None:
    order_id = world.delivered_by_card(4)
    returns = [world.returning(order_id) for _ in range(3)]
    gateway.behave("hang", on="refunds")
    outcomes = race(
        *[partial(world.receive, each) for each in returns],
        partial(refund_order, world.admin, order_id, 50),
    )
    assert outcomes == {"200": 3, "201": 1}
    follow(order_id)
    gateway.behave("healthy")

    reconcile()

    assert sorted(refunds_at(gateway, order_id)) == [50, 100, 100, 100]
    [payment] = rows(
        "SELECT refund_requested_amount AS requested, refunded_amount AS refunded"
        " FROM payment WHERE order_id = $1",
        order_id,
    )
    assert (payment.requested, payment.refunded) == (350, 350)
    world.assert_books_hold()
