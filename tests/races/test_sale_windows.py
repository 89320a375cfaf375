"""Sale windows under load: nobody buys before the opening, after the end, or what is archived."""

from collections import Counter
from datetime import datetime, timedelta
from functools import partial

import pytest

from commerce.shared import clock
from tests.support.admin import archive, edit_product, restore
from tests.support.orders import outcome, place
from tests.support.shop import (
    Person,
    a_buyer,
    a_product,
    a_striped_product,
    assert_books_hold,
    events_about,
    rows,
    stock_of,
)
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment")

SOON = timedelta(seconds=3)
PATIENCE = timedelta(seconds=120)


def order_until(buyer: Person, product: str, last: str) -> list[tuple[datetime, str]]:
    """Place orders of one unit until this outcome; returns when each began, and its outcome."""
    found, deadline = list[tuple[datetime, str]](), clock.now() + PATIENCE
    while not found or found[-1][1] != last:
        began = clock.now()
        assert began < deadline, found[-1:]
        found.append((began, outcome(place(buyer, (product, 1)))))
    return found


def a_product_of(stripes: int) -> str:
    return a_striped_product(stripes, stock=5000) if stripes > 1 else a_product(5000)


@pytest.mark.parametrize("stripes", [1, 4])
def test_orders_are_refused_before_the_opening_and_placed_after(stripes: int) -> None:
    product, buyers = a_product_of(stripes), [a_buyer(points=1_000_000) for _ in range(8)]
    opens = clock.now() + SOON
    assert edit_product(product, sale_from=clock.rfc3339(opens)).status == 200
    ordered = run_concurrently([partial(order_until, each, product, "201") for each in buyers])
    outcomes = [each for one in ordered for _, each in one]
    assert set(outcomes) <= {"NOT_ON_SALE", "201"}
    assert outcomes.count("201") == len(buyers)
    # One machine, one clock: who began after the opening was not refused.
    assert not [at for one in ordered for at, each in one if at >= opens and each != "201"]
    sold = rows("SELECT min(at) AS first FROM stock_movement"
                " WHERE product_id = $1 AND reason = 'SOLD'", product)  # fmt: skip
    assert sold[0].first >= opens
    assert stock_of(product) == 5000 - len(buyers)
    assert_books_hold(product, users=[each.user_id for each in buyers])


@pytest.mark.parametrize("stripes", [1, 4])
def test_no_order_is_placed_after_the_end(stripes: int) -> None:
    product, buyers = a_product_of(stripes), [a_buyer(points=1_000_000) for _ in range(8)]
    ends = clock.now() + SOON
    assert edit_product(product, sale_until=clock.rfc3339(ends)).status == 200
    ordered = run_concurrently(
        [partial(order_until, each, product, "NOT_ON_SALE") for each in buyers]
    )
    outcomes = [each for one in ordered for _, each in one]
    assert set(outcomes) <= {"NOT_ON_SALE", "201"}
    assert not [at for one in ordered for at, each in one if at >= ends and each == "201"]
    assert stock_of(product) == 5000 - outcomes.count("201")
    assert_books_hold(product, users=[each.user_id for each in buyers])


@pytest.mark.parametrize("round_", range(3))
def test_archiving_stops_orders_and_is_one_turn(round_: int) -> None:
    product = a_product(stock=100, price=1)
    buyers = [a_buyer(points=100) for _ in range(20)]
    outcomes = run_concurrently(
        [
            *[partial(place, each, (product, 1)) for each in buyers],
            *[partial(archive, product)] * 5,
        ]
    )
    assert {each.status for each in outcomes[20:]} <= {200, 409}
    placed = Counter(outcome(each) for each in outcomes[:20])
    assert set(placed) <= {"201", "PRODUCT_NOT_FOUND"}
    assert outcome(place(buyers[0], (product, 1))) == "PRODUCT_NOT_FOUND"
    assert len(events_about(product, "ProductChanged")) == 1
    run_concurrently([partial(restore, product)] * 5)
    assert len(events_about(product, "ProductChanged")) == 2
    assert stock_of(product) == 100 - placed["201"]
    assert_books_hold(product, users=[each.user_id for each in buyers])
