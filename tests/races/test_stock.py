"""Staff count, adjust and ship while buyers order and cancel: each unit is somewhere, once."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from uuid import UUID, uuid4

import pytest

from commerce.app.transactions import in_transaction
from commerce.product import OutOfStock
from tests.support.admin import adjust_stock, count_stock, movements_of, stock_seen, units_of
from tests.support.lambda_calls import Answer
from tests.support.orders import an_order, cancel, cancel_as_admin, outcome, place, ship, status_of
from tests.support.shop import (
    Person,
    a_buyer,
    a_key,
    a_product,
    an_admin,
    assert_books_hold,
    set_stripes,
)
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment")

UNITS = 60


@pytest.fixture(params=[1, 4], ids=["plain", "striped"])
def product(request: pytest.FixtureRequest) -> str:
    """Sixty units, in one row or in several."""
    product = a_product(stock=UNITS, price=1)
    if request.param > 1:
        set_stripes(product, request.param)
    return product


def buyers(number: int) -> list[Person]:
    return [a_buyer(points=100) for _ in range(number)]


def assert_movements_add_up(product: str) -> None:
    newest = movements_of(product, "?limit=100").json["items"]
    for name, now in zip(("on_hand", "reserved", "available"), units_of(product), strict=True):
        assert newest[0]["balance"][name] == now
        assert sum(each["change"][name] for each in newest) == now


def test_adjustments_among_orders_shipments_and_cancellations_lose_no_unit(product: str) -> None:
    people, admin = buyers(4), an_admin()
    to_ship, to_cancel = (
        [(each, an_order(each, (product, 2))) for each in people] for _ in range(2)
    )
    calls: list[Callable[[], Answer]] = [
        *(partial(ship, admin, order_id) for _, order_id in to_ship),
        *(partial(cancel, each, order_id) for each, order_id in to_cancel),
        *(partial(place, each, (product, 1)) for each in people),
        *(partial(adjust_stock, product, delta) for delta in (5, -3, 7, -1)),
    ]
    answers = run_concurrently(calls)
    assert Counter(map(outcome, answers)) == {"200": 8, "201": 8}
    # 8 units were shipped, 8 came back, 4 were sold, and 8 came into the building.
    assert units_of(product) == (UNITS - 8 + 8, 4, UNITS - 8 + 8 - 4)
    assert_movements_add_up(product)
    assert_books_hold(product, users=[each.user_id for each in people])


def test_a_count_among_orders_never_makes_reserved_units_available(product: str) -> None:
    people, admin = buyers(6), an_admin()
    first = [an_order(each, (product, 1)) for each in people]
    calls: list[Callable[[], Answer]] = [
        *(partial(place, each, (product, 2)) for each in people),
        *(partial(cancel, each, id_) for each, id_ in zip(people[:2], first[:2], strict=True)),
        *(partial(ship, admin, order_id) for order_id in first[2:4]),
        *(partial(count_stock, product, on_hand=number) for number in (50, 45, 40)),
    ]
    answers = run_concurrently(calls)
    assert Counter(map(outcome, answers)) == {"200": 7, "201": 6}
    on_hand, reserved, available = units_of(product)
    assert reserved == 2 + 12  # two of the first orders, and all of the second ones
    assert available == on_hand - reserved
    assert on_hand in range(40 - 2, 50 + 1)  # the last count, less what was shipped after it
    assert_movements_add_up(product)
    assert_books_hold(product, users=[each.user_id for each in people])


@pytest.mark.parametrize("repetition", range(3))
def test_a_count_under_a_tag_succeeds_only_before_the_first_sale(
    product: str, repetition: int
) -> None:
    people = buyers(3)
    tag = stock_seen(product).headers["etag"]
    calls: list[Callable[[], Answer]] = [
        partial(count_stock, product, tag=tag, on_hand=15),
        *(partial(place, each, (product, 1)) for each in people),
    ]
    answer, *_ = run_concurrently(calls)
    assert outcome(answer) in ("200", "STALE_VERSION")
    on_hand = 15 if answer.status == 200 else UNITS
    assert units_of(product) == (on_hand, 3, on_hand - 3)
    reasons = [each["reason"] for each in movements_of(product).json["items"]]
    if answer.status == 200:
        assert answer.json["reserved"] == 0
        assert reasons == ["SOLD"] * 3 + ["COUNTED"] * 2
    else:
        assert answer.json["reserved"] in (1, 2, 3)
        assert reasons == ["SOLD"] * 3 + ["COUNTED"]
    assert_books_hold(product, users=[each.user_id for each in people])


def test_adjustments_take_no_more_than_is_available(product: str) -> None:
    buyer = a_buyer(points=100)
    an_order(buyer, (product, UNITS - 5))
    answers = run_concurrently([partial(adjust_stock, product, -1, "LOST") for _ in range(12)])
    assert Counter(map(outcome, answers)) == {"201": 5, "OVERSOLD": 7}
    assert {each.json["by"] for each in answers if each.status == 409} == {1}
    assert units_of(product) == (UNITS - 5, UNITS - 5, 0)
    assert_books_hold(product, users=[buyer.user_id])


def test_an_adjustment_sent_many_times_at_once_happens_once(product: str) -> None:
    key, admin = a_key(), an_admin()
    calls = [partial(adjust_stock, product, 7, "FOUND", admin, key) for _ in range(6)]
    answers = run_concurrently(calls)
    assert {outcome(each) for each in answers} <= {"201", "REQUEST_IN_PROGRESS"}
    assert units_of(product) == (UNITS + 7, 0, UNITS + 7)
    assert_books_hold(product)


@pytest.mark.parametrize("repetition", range(3))
def test_an_order_shipped_and_cancelled_at_once_moves_its_units_once(
    product: str, repetition: int
) -> None:
    buyer, admin = a_buyer(points=100), an_admin()
    order_id = an_order(buyer, (product, 4))
    shipped, cancelled = run_concurrently(
        [partial(ship, admin, order_id), partial(cancel_as_admin, admin, order_id)]
    )
    assert cancelled.status == 200  # an admin cancels what is shipped as well
    assert status_of(order_id) == "CANCELLED"
    left = UNITS - 4 if shipped.status == 200 else UNITS
    assert units_of(product) == (left, 0, left)
    assert_books_hold(product, users=[buyer.user_id])


def test_a_drop_and_buyers_share_the_last_units_without_overselling(product: str) -> None:
    people, drop_id = buyers(5), uuid4()

    def allot() -> str:
        try:
            in_transaction(
                lambda shop: shop.stock.allot(UUID(product), 30, drop_id=drop_id, by="admin:a")
            )
        except OutOfStock:
            return "OUT_OF_STOCK"
        return "201"

    sales = [lambda each=each: outcome(place(each, (product, 10))) for each in people]
    outcomes = Counter(run_concurrently([allot, allot, *sales]))
    assert set(outcomes) <= {"201", "OUT_OF_STOCK"}
    on_hand, reserved, available = units_of(product)
    assert (on_hand, reserved + available) == (UNITS, UNITS)
    allotted = stock_seen(product).json["allotted"]
    assert allotted in (0, 30, 60)
    assert reserved - allotted == 10 * (outcomes["201"] - allotted // 30)
    assert_books_hold(product, users=[each.user_id for each in people])
