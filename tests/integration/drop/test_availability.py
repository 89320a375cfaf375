"""The catalogue says STANDBY of a product while a drop sells it, and never that it is sold out."""

from collections.abc import Callable
from uuid import UUID

import pytest

from commerce.app import drops
from commerce.app.transactions import in_transaction
from commerce.drop import CancelDrop
from tests.support.drops import (
    a_published_drop,
    an_offering_drop,
    end_claims,
    in_line,
    order_offer,
    settle,
    shift,
)
from tests.support.lambda_calls import bus_message, call, function, lambda_context, sqs_event
from tests.support.shop import a_buyer, a_product, events_of, rows

pytestmark = pytest.mark.usefixtures("shop_environment")


def shown(product: str) -> str:
    """Return what the product's page says."""
    answer = call("product/get_product", "GET", f"/products/{product}")
    return str(answer.json["availability"])


def listed(product: str) -> str:
    """Return what a list of its brand says."""
    [row] = rows("SELECT brand_id FROM product WHERE id = $1", product)
    items = call("product/list_products", "GET", f"/products?brand_id={row.brand_id}").json["items"]
    [found] = [each["availability"] for each in items if each["product_id"] == product]
    return str(found)


def deliver(drop_id: UUID, turn: str) -> None:
    """Deliver the drop's event to what refreshes the catalogue."""
    [envelope] = events_of(drop_id, turn)
    event = sqs_event(bus_message(envelope))
    assert function("product/on_stock_turned")(event, lambda_context()) == {"batchItemFailures": []}


def end(drop_id: UUID) -> None:
    end_claims(drop_id)
    shift(
        drop_id,
        entries_at="clock_timestamp() - interval '3 h'",
        draws_at="clock_timestamp() - interval '2 h'",
        offers_until="clock_timestamp()",
    )
    settle(drop_id)


def cancel(drop_id: UUID) -> None:
    command = CancelDrop(reason="The shipment was damaged")
    in_transaction(drops.cancel_drop, str(drop_id), command, by="test", if_match=None)


@pytest.mark.parametrize("left", [0, 1])
def test_a_product_is_on_standby_from_its_drops_publication(left: int) -> None:
    product = a_product(stock=1 + left, price=10)
    assert (shown(product), listed(product)) == ("ON_SALE", "ON_SALE")

    drop_id = a_published_drop(product, 1)
    deliver(drop_id, "DropPublished")

    assert (shown(product), listed(product)) == ("STANDBY", "STANDBY")


def test_a_cached_page_says_standby_and_not_sold_out_before_any_event() -> None:
    product = a_product(stock=1, price=10)
    assert shown(product) == "ON_SALE"

    a_published_drop(product, 1)

    assert shown(product) == "STANDBY"


def test_a_product_whose_units_are_all_held_is_on_standby() -> None:
    product, buyers = a_product(stock=1, price=10), [a_buyer(), a_buyer()]
    an_offering_drop(product, buyers)
    assert (shown(product), listed(product)) == ("STANDBY", "STANDBY")


@pytest.mark.parametrize(
    ("ending", "turn"),
    [(end, "DropClosed"), (cancel, "DropCancelled")],
    ids=["closed", "cancelled"],
)
def test_a_product_with_units_is_on_sale_after_its_drop(
    ending: Callable[[UUID], None], turn: str
) -> None:
    product = a_product(stock=2, price=10)
    drop_id = a_published_drop(product, 1)
    assert (shown(product), listed(product)) == ("STANDBY", "STANDBY")

    ending(drop_id)
    assert shown(product) == "ON_SALE"
    deliver(drop_id, turn)

    assert (shown(product), listed(product)) == ("ON_SALE", "ON_SALE")


def test_a_product_that_its_drop_sold_out_is_sold_out_once_the_drop_is_closed() -> None:
    product, buyer = a_product(stock=1, price=10), a_buyer(points=10)
    drop_id = an_offering_drop(product, [buyer])
    [(_, entry)] = in_line(drop_id, [buyer])
    assert order_offer(buyer, entry, product).status == 201
    assert (shown(product), listed(product)) == ("STANDBY", "STANDBY")

    end(drop_id)
    assert shown(product) == "SOLD_OUT"
    deliver(drop_id, "DropClosed")

    assert (shown(product), listed(product)) == ("SOLD_OUT", "SOLD_OUT")
