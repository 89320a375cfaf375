"""Orders that use a drop's offer, and the product that is sold through its drop alone."""

from typing import Any

import pytest

from commerce.app.drops import promote
from tests.support.coupons import an_issued
from tests.support.drops import (
    a_published_drop,
    an_offering_drop,
    end_claims,
    in_line,
    order_offer,
    settle,
    shift,
    status_of_entry,
    statuses,
)
from tests.support.lambda_calls import Answer, call
from tests.support.orders import (
    cancel,
    cancel_as_admin,
    confirm,
    expire,
    outcome,
    place,
    ship,
    status_of,
)
from tests.support.shop import (
    a_buyer,
    a_product,
    a_striped_product,
    an_admin,
    assert_books_hold,
    balance_of,
    rows,
    stock_of,
)

pytestmark = pytest.mark.usefixtures("shop_environment")


def levels_of(product_id: str) -> tuple[int, int, int]:
    """On hand, available, allotted."""
    [row] = rows("SELECT on_hand, allotted FROM stock WHERE product_id = $1", product_id)
    return row.on_hand, stock_of(product_id), row.allotted


def cancelled_drop(drop_id: Any, reason: str = "Damaged") -> Answer:
    path = f"/admin/drops/{drop_id}/cancellation"
    admin = an_admin()
    return call("drop/cancel_drop", "POST", path, body={"reason": reason}, token=admin.token)


def test_an_offer_is_bought_by_points_and_shipped_from_the_allotment() -> None:
    product, buyers = a_product(stock=5, price=100), [a_buyer(1_000) for _ in range(3)]
    drop_id = an_offering_drop(product, buyers, units=2)
    assert levels_of(product) == (5, 3, 2)
    buyer, entry = in_line(drop_id, buyers)[0]

    answer = order_offer(buyer, entry, product)

    assert answer.status == 201, answer.json
    assert (answer.json["status"], answer.json["drop_entry_id"]) == ("CONFIRMED", entry)
    assert (status_of_entry(entry), balance_of(buyer.user_id)) == ("BOUGHT", 900)
    assert levels_of(product) == (5, 3, 2)
    assert ship(an_admin(), answer.json["order_id"]).status == 200
    assert levels_of(product) == (4, 3, 1)
    settle(drop_id)
    assert statuses(drop_id) == ["BOUGHT", "OFFERED", "WAITING"]
    assert_books_hold(product, users=[each.user_id for each in buyers])


def test_an_order_by_card_expires_when_the_offer_does() -> None:
    product, buyer = a_product(stock=1, price=100), a_buyer()
    drop_id = an_offering_drop(product, [buyer])
    [(_, entry)] = in_line(drop_id, [buyer])

    answer = order_offer(buyer, entry, product, payment_method="CARD")

    [row] = rows(
        "SELECT e.claim_until = o.expires_at AS same, e.status FROM drop_entry e"
        " JOIN orders o ON o.id = e.order_id WHERE e.id = $1",
        entry,
    )
    assert (answer.status, row.same, row.status) == (201, True, "ORDERED")
    assert confirm(answer.json["order_id"]) == "CONFIRMED"


def test_an_unpaid_order_gives_its_offer_back_until_the_offer_is_over() -> None:
    product, buyers = a_product(stock=1, price=100), [a_buyer(), a_buyer()]
    drop_id = an_offering_drop(product, buyers)
    buyer, entry = in_line(drop_id, buyers)[0]
    first = order_offer(buyer, entry, product, payment_method="CARD").json["order_id"]

    assert cancel(buyer, first).status == 200
    assert status_of_entry(entry) == "OFFERED"
    second = order_offer(buyer, entry, product, payment_method="CARD").json["order_id"]
    for table, column in (("drop_entry", "claim_until"), ("orders", "expires_at")):
        key = "order_id" if table == "drop_entry" else "id"
        rows(
            f"UPDATE {table} SET {column} = clock_timestamp() - interval '1 s'"
            f" WHERE {key} = $1 RETURNING 1",
            second,
        )
    assert expire(second) == "CANCELLED"
    settle(drop_id)

    assert statuses(drop_id) == ["LAPSED", "OFFERED"]
    assert levels_of(product) == (1, 0, 1)
    assert_books_hold(product, users=[each.user_id for each in buyers])


def test_a_cancelled_purchase_goes_to_the_heir_not_to_the_stock() -> None:
    product, buyers = a_product(stock=1, price=100), [a_buyer(1_000), a_buyer(1_000)]
    drop_id = an_offering_drop(product, buyers)
    buyer, entry = in_line(drop_id, buyers)[0]
    order_id = order_offer(buyer, entry, product).json["order_id"]

    assert cancel(buyer, order_id).status == 200
    settle(drop_id)

    assert statuses(drop_id) == ["CANCELLED", "OFFERED"]
    assert (levels_of(product), balance_of(buyer.user_id)) == ((1, 0, 1), 1_000)
    assert_books_hold(product, users=[buyer.user_id])


def test_a_purchase_that_is_cancelled_after_the_close_goes_to_the_stock() -> None:
    product, buyer = a_product(stock=1, price=100), a_buyer(1_000)
    drop_id = an_offering_drop(product, [buyer])
    [(_, entry)] = in_line(drop_id, [buyer])
    order_id = order_offer(buyer, entry, product).json["order_id"]
    shift(
        drop_id,
        entries_at="clock_timestamp() - interval '2 h'",
        draws_at="clock_timestamp() - interval '1 h'",
        offers_until="clock_timestamp()",
    )
    settle(drop_id)
    assert levels_of(product) == (1, 0, 1)

    assert cancel_as_admin(an_admin(), order_id).status == 200
    promote()

    assert levels_of(product) == (1, 1, 0)
    assert outcome(place(a_buyer(1_000), (product, 1))) == "201"
    assert_books_hold(product, users=[buyer.user_id])


def test_a_shipped_purchase_that_is_cancelled_keeps_its_unit_and_has_no_heir() -> None:
    product, buyers = a_product(stock=2, price=100), [a_buyer(1_000), a_buyer(1_000)]
    drop_id, admin = an_offering_drop(product, buyers), an_admin()
    buyer, entry = in_line(drop_id, buyers)[0]
    order_id = order_offer(buyer, entry, product).json["order_id"]
    assert ship(admin, order_id).status == 200
    assert levels_of(product) == (1, 1, 0)

    assert cancel_as_admin(admin, order_id).status == 200
    settle(drop_id)

    assert (statuses(drop_id), balance_of(buyer.user_id)) == (["BOUGHT", "WAITING"], 1_000)
    shift(
        drop_id,
        entries_at="clock_timestamp() - interval '2 h'",
        draws_at="clock_timestamp() - interval '1 h'",
        offers_until="clock_timestamp()",
    )
    settle(drop_id)
    assert (statuses(drop_id), levels_of(product)) == (["BOUGHT", "VOID"], (1, 1, 0))
    assert_books_hold(product, users=[each.user_id for each in buyers])


@pytest.mark.parametrize("stripes", [1, 4])
def test_a_drops_product_is_sold_by_its_drop_alone_until_the_end(stripes: int) -> None:
    product = a_striped_product(stripes, stock=40, price=10) if stripes > 1 else a_product(40, 10)
    buyer = a_buyer(1_000)
    assert outcome(place(buyer, (product, 1))) == "201"
    drop_id = a_published_drop(product, units=2)

    refused = place(buyer, (product, 1))

    assert (refused.status, refused.json["code"]) == (409, "DROP_ONLY")
    assert refused.json["drop_id"] == str(drop_id)
    assert cancelled_drop(drop_id).status == 200
    assert levels_of(product) == (40, 39, 0)
    assert outcome(place(buyer, (product, 1))) == "201"
    assert_books_hold(product, users=[buyer.user_id])


def test_a_product_whose_units_are_all_in_a_drop_is_not_said_to_be_sold_out() -> None:
    product, buyer = a_product(stock=2, price=10), a_buyer(1_000)
    a_published_drop(product, units=2)

    assert outcome(place(buyer, (product, 1))) == "DROP_ONLY"


def test_only_the_owner_uses_an_offer_and_only_once() -> None:
    product, buyers = a_product(stock=1, price=10), [a_buyer(100), a_buyer(100)]
    drop_id = an_offering_drop(product, buyers)
    (owner, entry), (other, waiting) = in_line(drop_id, buyers)

    stolen = order_offer(other, entry, product)
    early = order_offer(other, waiting, product)

    assert (stolen.status, stolen.json["code"]) == (403, "NOT_YOUR_ENTRY")
    assert (early.status, early.json["code"]) == (409, "OFFER_NOT_VALID")
    assert (early.json["entry_status"], early.json["claim_until"]) == ("WAITING", None)
    assert outcome(order_offer(owner, entry, product)) == "201"
    assert outcome(order_offer(owner, entry, product)) == "OFFER_NOT_VALID"
    assert_books_hold(product, users=[owner.user_id, other.user_id])


def test_an_offer_that_is_over_but_not_swept_is_not_valid() -> None:
    product, buyer = a_product(stock=1, price=10), a_buyer(100)
    drop_id = an_offering_drop(product, [buyer])
    [(_, entry)] = in_line(drop_id, [buyer])
    end_claims(drop_id)

    refused = order_offer(buyer, entry, product)

    assert (refused.status, refused.json["entry_status"]) == (409, "LAPSED")
    assert status_of_entry(entry) == "OFFERED"


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([("own", 2)], "INVALID"),
        ([("own", 1), ("other", 1)], "INVALID"),
        ([("other", 1)], "NOT_THE_OFFER"),
    ],
)
def test_an_offer_is_one_unit_of_its_product(lines: list[tuple[str, int]], code: str) -> None:
    products = {"own": a_product(stock=2, price=10), "other": a_product(stock=2, price=10)}
    buyer = a_buyer(100)
    drop_id = an_offering_drop(products["own"], [buyer])
    [(_, entry)] = in_line(drop_id, [buyer])
    wanted = [{"product_id": products[name], "quantity": number} for name, number in lines]

    refused = order_offer(buyer, entry, products["own"], lines=wanted)

    assert refused.status == 422, refused.json
    assert code == "INVALID" or refused.json["code"] == code
    assert (status_of_entry(entry), stock_of(products["other"])) == ("OFFERED", 2)


def test_a_coupon_is_taken_where_the_terms_say_so() -> None:
    product, buyer = a_product(stock=1, price=1_000), a_buyer(5_000)
    drop_id = an_offering_drop(product, [buyer])
    [(_, entry)] = in_line(drop_id, [buyer])
    copy = an_issued(buyer)

    refused = order_offer(buyer, entry, product, issued_coupon_id=copy)
    assert refused.json["code"] == "COUPON_NOT_USABLE"
    shift(drop_id, coupons_allowed="true")

    assert outcome(order_offer(buyer, entry, product, issued_coupon_id=copy)) == "201"


def test_a_cancelled_drop_voids_offers_and_keeps_orders() -> None:
    product, buyers = a_product(stock=3, price=10), [a_buyer(100) for _ in range(4)]
    drop_id = an_offering_drop(product, buyers, units=3)
    (first, entry), (second, pending), *_ = in_line(drop_id, buyers)
    bought = order_offer(first, entry, product).json["order_id"]
    ordered = order_offer(second, pending, product, payment_method="CARD").json["order_id"]

    assert cancelled_drop(drop_id).status == 200

    assert statuses(drop_id) == ["BOUGHT", "ORDERED", "VOID", "VOID"]
    assert (levels_of(product), status_of(bought)) == ((3, 1, 2), "CONFIRMED")
    assert cancel(second, ordered).status == 200
    promote()
    assert levels_of(product) == (3, 2, 1)
    assert_books_hold(product, users=[each.user_id for each in buyers])
