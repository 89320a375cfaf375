"""Drafts, openings, sale windows and the archive, as shoppers and buyers see them."""

from datetime import datetime, timedelta
from threading import Thread
from typing import Any

import pytest

from commerce.runtime.db.current import database
from commerce.shared import clock
from tests.support.admin import archive, audit_of, edit_product, product_of, restore, set_stock
from tests.support.lambda_calls import Answer, call
from tests.support.orders import an_order, cancel, outcome, place
from tests.support.other_connection import an_observer, held_by_another, wait_until
from tests.support.shop import (
    Person,
    a_brand,
    a_buyer,
    a_product,
    an_admin,
    assert_books_hold,
    events_about,
    rows,
    stock_of,
)

pytestmark = pytest.mark.usefixtures("shop_environment")


@pytest.fixture
def buyer() -> Person:
    return a_buyer(points=1_000)


def moment(seconds: float) -> str:
    """A moment so many seconds from now."""
    return clock.rfc3339(clock.now() + timedelta(seconds=seconds))


def register(**fields: Any) -> Answer:
    body = {"brand_id": a_brand(), "name": "Anvil", "price_amount": 10, **fields}
    path = "/admin/products"
    return call("product/register_product", "POST", path, body=body, token=an_admin().token)


def with_terms(**terms: Any) -> str:
    """A product with stock, on these terms; returns its id."""
    registered = register(**terms)
    assert registered.status == 201, registered.json
    product: str = registered.json["product_id"]
    assert set_stock(product, 5).status == 200
    return product


def listed(product: str, sort: str = "latest") -> list[str]:
    """Return what a list of its brand says of the product: its availability, or nothing."""
    [row] = rows("SELECT brand_id FROM product WHERE id = $1", product)
    path = f"/products?brand_id={row.brand_id}&sort={sort}"
    items = call("product/list_products", "GET", path).json["items"]
    return [each["availability"] for each in items if each["product_id"] == product]


def shown(product: str) -> str:
    """Return what its page says of the product: its availability, or the code of the refusal."""
    found = product_of(product)
    return str(found.json["availability"] if found.status == 200 else found.json["code"])


def until(at: datetime) -> None:
    """Wait for a moment."""
    wait_until(lambda: clock.now() >= at)


WAITING = """
    SELECT 1 FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%FROM stock%'
"""
SORTS = ("latest", "price_asc", "likes_desc")
GONE = "PRODUCT_NOT_FOUND"


# --- what can be bought --------------------------------------------------------------------------


def test_a_product_without_terms_is_on_sale_at_once(buyer: Person) -> None:
    product = with_terms()
    assert (shown(product), listed(product)) == ("ON_SALE", ["ON_SALE"])
    assert place(buyer, (product, 1)).status == 201


def test_an_upcoming_product_is_shown_and_says_when_to_come_back(buyer: Person) -> None:
    opens = moment(120)
    product = with_terms(sale_from=opens)
    assert (shown(product), listed(product)) == ("UPCOMING", ["UPCOMING"])
    assert product_of(product).json["sale_from"] == opens
    refused = place(buyer, (product, 1))
    assert (refused.status, refused.json["code"]) == (409, "NOT_ON_SALE")
    assert (refused.json["sale_from"], refused.json["sale_until"]) == (opens, None)
    assert 100 < int(refused.headers["retry-after"]) <= 120
    assert stock_of(product) == 5


def test_a_sale_that_has_ended_is_never_on_again(buyer: Person) -> None:
    product = with_terms(sale_from=moment(-20), sale_until=moment(-10))
    assert (shown(product), listed(product)) == ("ENDED", ["ENDED"])
    refused = place(buyer, (product, 1))
    assert (refused.status, refused.json["code"]) == (409, "NOT_ON_SALE")
    assert "retry-after" not in refused.headers


def test_every_line_that_is_not_on_sale_is_named(buyer: Person) -> None:
    upcoming, ended, open_ = (
        with_terms(sale_from=moment(60)),
        with_terms(sale_until=moment(-1)),
        with_terms(sale_until=moment(60)),
    )
    refused = place(buyer, (open_, 1), (upcoming, 1), (ended, 1))
    assert [each["product_id"] for each in refused.json["errors"]] == [upcoming, ended]
    assert "retry-after" not in refused.headers  # waiting does not help
    assert place(buyer, (open_, 1)).status == 201
    assert_books_hold(upcoming, ended, open_, users=[buyer.user_id])


def test_the_last_unit_sold_says_sold_out_and_the_end_says_ended(buyer: Person) -> None:
    product = with_terms(sale_until=moment(60))
    an_order(buyer, (product, 5))
    assert shown(product) == "SOLD_OUT"
    assert edit_product(product, sale_until=moment(-1)).json["availability"] == "ENDED"
    assert shown(product) == "ENDED"


def test_caches_are_right_across_the_opening_second(buyer: Person) -> None:
    """Cached answers are right before the opening and after it, to the moment."""
    assert any(is_right_across_an_opening(buyer, seconds) for seconds in (3, 15, 60))


def is_right_across_an_opening(buyer: Person, seconds: float) -> bool:
    """Look before and after an opening; False where the machine was too slow to look before it."""
    opens = clock.now() + timedelta(seconds=seconds)
    product = with_terms(visible_from=moment(-1), sale_from=clock.rfc3339(opens))
    hidden = with_terms(visible_from=clock.rfc3339(opens))
    rows("UPDATE product SET brand_id = (SELECT brand_id FROM product WHERE id = $1)"
         " WHERE id = $2", product, hidden)  # fmt: skip
    for _ in range(2):  # the second time from the cache
        before = [shown(product), listed(product), shown(hidden), listed(hidden)]
        refusals = [outcome(place(buyer, (each, 1))) for each in (product, hidden)]
        if clock.now() >= opens:
            return False
        assert before == ["UPCOMING", ["UPCOMING"], GONE, []]
        assert refusals == ["NOT_ON_SALE", GONE]
    until(opens)
    after = [shown(product), listed(product), shown(hidden), listed(hidden)]
    assert after == ["ON_SALE", ["ON_SALE"], "ON_SALE", ["ON_SALE"]]
    assert place(buyer, (product, 1), (hidden, 1)).status == 201
    return True


def test_an_order_that_waits_across_the_end_of_the_sale_is_refused(
    buyer: Person, database_url: str
) -> None:
    product, answers = with_terms(sale_until=moment(3600)), list[str]()

    def place_elsewhere() -> None:
        answers.append(outcome(place(buyer, (product, 1))))
        database().close()

    waiting = Thread(target=place_elsewhere)
    lock = "SELECT FROM stock WHERE product_id = $1 FOR UPDATE"
    with held_by_another(database_url, lock, product), an_observer(database_url) as look:
        waiting.start()
        wait_until(lambda: look(WAITING) or answers)
        assert answers == []
        [end] = look("UPDATE product SET sale_until = clock_timestamp() + interval '100 ms'"
                     " WHERE id = $1 RETURNING sale_until AS at", product)  # fmt: skip
        until(end.at)
    waiting.join()
    assert answers == ["NOT_ON_SALE"]
    assert stock_of(product) == 5
    assert_books_hold(product, users=[buyer.user_id])


# --- drafts and the archive ----------------------------------------------------------------------


def test_a_draft_is_hidden_until_it_is_given_a_moment(buyer: Person) -> None:
    product = with_terms(visible_from=None)
    assert shown(product) == GONE
    assert [listed(product, sort) for sort in SORTS] == [[]] * 3
    assert place(buyer, (product, 1)).json["code"] == GONE
    edited = edit_product(product, visible_from=moment(-1))
    assert edited.json["availability"] == "ON_SALE"
    assert shown(product) == "ON_SALE"
    assert [listed(product, sort) for sort in SORTS] == [["ON_SALE"]] * 3
    assert edit_product(product, visible_from=None).json["availability"] == "HIDDEN"
    assert shown(product) == GONE


def test_an_archived_product_is_gone_and_its_orders_go_on(buyer: Person) -> None:
    product = with_terms()
    order = an_order(buyer, (product, 2))
    assert archive(product).json["availability"] == "HIDDEN"
    assert shown(product) == GONE
    assert [listed(product, sort) for sort in SORTS] == [[]] * 3
    assert place(buyer, (product, 1)).json["code"] == GONE
    path = f"/orders/{order}"
    found = call("order/get_order", "GET", path, token=buyer.token).json
    assert [line["product_id"] for line in found["lines"]] == [product]
    assert cancel(buyer, order).status == 200
    assert stock_of(product) == 5

    assert restore(product).json["availability"] == "ON_SALE"
    assert (shown(product), listed(product)) == ("ON_SALE", ["ON_SALE"])
    assert place(buyer, (product, 1)).status == 201
    assert_books_hold(product, users=[buyer.user_id])


def test_archiving_and_restoring_are_one_event_per_turn() -> None:
    product = a_product()
    versions = [each(product).json["version"] for each in (archive, archive, restore, restore)]
    assert versions == [2, 2, 3, 3]
    assert len(events_about(product, "ProductChanged")) == 2
    actions = [action for _, action, _, _ in audit_of(product)]
    assert actions[-2:] == ["ARCHIVE_PRODUCT", "RESTORE_PRODUCT"]
    missing = archive("0198c0de-0000-7000-8000-00000000000a")
    assert (missing.status, missing.json["code"]) == (404, GONE)


def test_archiving_under_an_outdated_tag_is_refused() -> None:
    product = a_product()
    tag = product_of(product).headers["etag"]
    assert edit_product(product, price_amount=7).status == 200
    refused = archive(product, tag=tag)
    assert (refused.status, refused.json["code"]) == (409, "STALE_VERSION")
    assert shown(product) != GONE


def test_a_hidden_product_cannot_be_liked_and_is_not_shown_among_likes(buyer: Person) -> None:
    product = with_terms()
    path = f"/products/{product}/like"
    assert call("like/like_product", "PUT", path, token=buyer.token).status == 200
    assert archive(product).status == 200
    refused = call("like/like_product", "PUT", path, token=a_buyer().token)
    assert (refused.status, refused.json["code"]) == (404, GONE)
    mine = call("like/list_my_likes", "GET", "/users/me/likes", token=buyer.token)
    assert mine.json["items"] == []
    assert call("like/unlike_product", "DELETE", path, token=buyer.token).status == 200


# --- what an admin may say -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"sale_from": "2026-01-31"}, "sale_from"),
        ({"visible_from": "tomorrow"}, "visible_from"),
        ({"sale_from": "2026-01-31T09:00:00Z", "sale_until": "2026-01-31T09:00:00Z"}, "sale_until"),
    ],
)
def test_terms_that_mean_nothing_are_invalid(terms: dict[str, Any], field: str) -> None:
    product = a_product()
    for refused in (register(**terms), edit_product(product, **terms)):
        assert refused.status == 422
        assert [each["field"] for each in refused.json["errors"]] == [field]
    assert product_of(product).json["version"] == 1


def test_an_edit_is_checked_together_with_the_terms_it_leaves() -> None:
    product = with_terms(sale_from=moment(60))
    assert edit_product(product, sale_until=moment(30)).status == 422
    assert edit_product(product, sale_until=moment(90)).status == 200
    assert edit_product(product, sale_from=None).json["availability"] == "ON_SALE"
