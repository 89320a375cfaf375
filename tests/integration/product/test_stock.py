"""Staff see what is on hand, reserved and available, count it, adjust it, and list movements."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from commerce.app.shop import Shop
from commerce.app.stock.changes import MAX_ORDERS
from commerce.app.transactions import in_transaction
from commerce.product import OutOfStock, ProductNotFound
from commerce.runtime.db.connection import ConstraintViolated
from tests.support.admin import (
    adjust_stock,
    audit_of,
    count_stock,
    edit_product,
    movements_of,
    product_of,
    set_stock,
    stock_seen,
    units_of,
)
from tests.support.lambda_calls import Answer, call
from tests.support.orders import (
    a_pending_order,
    an_order,
    cancel,
    cancel_as_admin,
    deliver,
    expire,
    place,
    ship,
)
from tests.support.shop import (
    Person,
    a_buyer,
    a_key,
    a_product,
    a_striped_product,
    an_admin,
    assert_books_hold,
    events_about,
    rows,
    set_stripes,
)

pytestmark = pytest.mark.usefixtures("shop_environment")

NOBODYS = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(params=[1, 4], ids=["plain", "striped"])
def product(request: pytest.FixtureRequest) -> str:
    """Twenty units, in one row or in several."""
    product = a_product(stock=20, price=10)
    if request.param > 1:
        set_stripes(product, request.param)
    return product


@pytest.fixture
def buyer() -> Person:
    return a_buyer(points=10_000)


def assert_stale(answer: Answer, on_hand: int, reserved: int, available: int) -> None:
    assert (answer.status, answer.json["code"]) == (409, "STALE_VERSION")
    seen = {name: answer.json[name] for name in ("on_hand", "reserved", "available")}
    assert seen == {"on_hand": on_hand, "reserved": reserved, "available": available}


class TestLevels:
    def test_orders_reserve_units_until_they_are_shipped(self, product: str, buyer: Person) -> None:
        shipped, cancelled, open_ = (an_order(buyer, (product, n)) for n in (3, 4, 5))
        assert units_of(product) == (20, 12, 8)
        ship(an_admin(), shipped)
        assert units_of(product) == (17, 9, 8)
        cancel(buyer, cancelled)
        assert units_of(product) == (17, 5, 12)
        deliver(an_admin(), shipped)
        assert units_of(product) == (17, 5, 12)
        assert product_of(product).json["stock_quantity"] == 12
        assert_books_hold(product, users=[buyer.user_id])
        assert open_

    def test_an_unpaid_order_reserves_its_unit_until_it_expires(
        self, product: str, buyer: Person
    ) -> None:
        order_id = a_pending_order(buyer, product, points=1)
        assert units_of(product) == (20, 1, 19)
        assert expire(order_id) == "CANCELLED"
        assert units_of(product) == (20, 0, 20)
        assert_books_hold(product, users=[buyer.user_id])

    def test_units_of_a_shipped_order_are_not_restocked_when_it_is_cancelled(
        self, product: str, buyer: Person
    ) -> None:
        admin, order_id = an_admin(), an_order(buyer, (product, 3))
        ship(admin, order_id)
        assert cancel_as_admin(admin, order_id).json["status"] == "CANCELLED"
        assert units_of(product) == (17, 0, 17)
        assert adjust_stock(product, 3, "RETURNED").status == 201
        assert units_of(product) == (20, 0, 20)
        assert_books_hold(product, users=[buyer.user_id])

    def test_stock_is_shown_with_its_etag(self, product: str) -> None:
        seen = stock_seen(product)
        assert seen.status == 200
        version = seen.json.pop("version")
        assert seen.json == {
            "product_id": product,
            "on_hand": 20,
            "reserved": 0,
            "allotted": 0,
            "available": 20,
            "stock_quantity": 20,
        }
        assert seen.headers["etag"].startswith(f'"0.{version}-')

    @pytest.mark.parametrize("product_id", [NOBODYS, "anvil"])
    def test_an_unknown_product_is_not_found(self, product_id: str) -> None:
        answers = [
            stock_seen(product_id),
            count_stock(product_id, on_hand=1),
            adjust_stock(product_id, 1),
            movements_of(product_id),
        ]
        assert {(each.status, each.json["code"]) for each in answers} == {
            (404, "PRODUCT_NOT_FOUND")
        }

    def test_only_an_admin_sees_and_changes_stock(self, product: str, buyer: Person) -> None:
        path = f"/admin/products/{product}/stock"
        for name, method, rest, body in (
            ("get_stock", "GET", "", None),
            ("set_stock", "PUT", "", {"on_hand": 1}),
            ("adjust_stock", "POST", "/adjustments", {"delta": 1, "reason": "FOUND"}),
            ("list_stock_movements", "GET", "/movements", None),
        ):
            more: dict[str, Any] = {} if body is None else {"body": body}
            answer = call(
                f"product/{name}", method, path + rest, token=buyer.token, key=a_key(), **more
            )
            assert answer.status == 403, name
        assert units_of(product) == (20, 0, 20)


class TestCounts:
    def test_a_count_of_units_on_hand_leaves_reserved_ones_unavailable(
        self, product: str, buyer: Person
    ) -> None:
        an_order(buyer, (product, 3))
        answer = count_stock(product, on_hand=15)
        assert (answer.status, answer.json["available"], answer.json["reserved"]) == (200, 12, 3)
        assert units_of(product) == (15, 3, 12)
        assert_books_hold(product, users=[buyer.user_id])

    def test_a_quantity_is_what_becomes_available(self, product: str, buyer: Person) -> None:
        an_order(buyer, (product, 3))
        answer = set_stock(product, 30)
        assert (answer.json["on_hand"], answer.json["stock_quantity"]) == (33, 30)
        assert units_of(product) == (33, 3, 30)
        assert_books_hold(product, users=[buyer.user_id])

    def test_a_count_below_what_is_reserved_names_the_newest_orders(
        self, product: str, buyer: Person
    ) -> None:
        orders = [an_order(buyer, (product, n)) for n in (2, 3, 1)]
        gone, shipped = (an_order(buyer, (product, 1)) for _ in range(2))
        cancel(buyer, gone)
        ship(an_admin(), shipped)
        before = stock_seen(product), audit_of(product)
        answer = count_stock(product, on_hand=4)
        assert (answer.status, answer.json["code"], answer.json["by"]) == (409, "OVERSOLD", 2)
        assert answer.json["order_ids"] == orders[::-1]
        assert (stock_seen(product).json, audit_of(product)) == (before[0].json, before[1])
        assert count_stock(product, on_hand=6).json["available"] == 0
        assert_books_hold(product, users=[buyer.user_id])

    def test_a_refused_count_names_a_hundred_orders_at_most(self) -> None:
        assert MAX_ORDERS == 100
        product, buyer = a_product(stock=103, price=1), a_buyer(points=200)
        orders = [an_order(buyer, (product, 1)) for _ in range(103)]
        answer = count_stock(product, on_hand=1)
        assert (answer.json["by"], answer.json["order_ids"]) == (102, orders[:2:-1])

    def test_an_expected_number_on_hand_must_be_the_one_that_is(
        self, product: str, buyer: Person
    ) -> None:
        an_order(buyer, (product, 3))
        assert count_stock(product, on_hand=19, expected_on_hand=20).status == 200
        assert_stale(count_stock(product, on_hand=18, expected_on_hand=20), 19, 3, 16)
        assert units_of(product) == (19, 3, 16)

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"on_hand": 1, "quantity": 1},
            {"quantity": 1, "expected_on_hand": 1},
            {"expected_on_hand": 1},
            {"on_hand": -1},
            {"on_hand": None},
            {"on_hand": "1"},
            {"on_hand": 10**9 + 1},
        ],
    )
    def test_an_invalid_count_is_refused(self, body: dict[str, Any]) -> None:
        product = a_product(stock=2)
        answer = count_stock(product, **body)
        assert (answer.status, answer.json["code"]) == (422, "VALIDATION_FAILED")
        assert units_of(product) == (2, 0, 2)


class TestIfMatch:
    @pytest.mark.parametrize("look", [stock_seen, product_of], ids=["stock", "product"])
    def test_a_count_is_stale_once_units_were_sold(
        self, product: str, buyer: Person, look: Any
    ) -> None:
        tag = look(product).headers["etag"]
        an_order(buyer, (product, 3))
        assert_stale(count_stock(product, tag=tag, on_hand=15), 20, 3, 17)
        assert_stale(count_stock(product, tag=tag, quantity=15), 20, 3, 17)
        assert units_of(product) == (20, 3, 17)
        assert count_stock(product, tag=look(product).headers["etag"], on_hand=15).status == 200
        assert_books_hold(product, users=[buyer.user_id])

    def test_everything_that_moves_the_stock_makes_a_count_stale(
        self, product: str, buyer: Person
    ) -> None:
        order_id, other = (an_order(buyer, (product, 1)) for _ in range(2))
        for change in (
            lambda: ship(an_admin(), order_id),
            lambda: cancel(buyer, other),
            lambda: adjust_stock(product, 1),
            lambda: count_stock(product, on_hand=9),
            lambda: count_stock(product, on_hand=9),  # a count of what is there, and still a count
            lambda: in_transaction(lambda shop: shop.stock.allot(
                UUID(product), 2, drop_id=uuid4(), by="test")),
        ):  # fmt: skip
            tag = stock_seen(product).headers["etag"]
            change()
            assert count_stock(product, tag=tag, on_hand=8).json["code"] == "STALE_VERSION"

    def test_an_answer_has_the_tag_for_the_next_change(self, product: str) -> None:
        tag = count_stock(product, on_hand=9).headers["etag"]
        tag = count_stock(product, tag=tag, on_hand=9).headers["etag"]
        assert count_stock(product, tag=tag, on_hand=8).status == 200
        tag = adjust_stock(product, 1).headers["etag"]
        assert tag == stock_seen(product).headers["etag"]
        assert count_stock(product, tag=tag, quantity=3).status == 200

    def test_what_moves_no_unit_makes_no_count_stale(self, product: str) -> None:
        tag = product_of(product).headers["etag"]
        edit_product(product, name="Feather")
        for rows_ in (2, 8, 1):
            set_stripes(product, rows_)
        assert count_stock(product, tag=tag, on_hand=5).status == 200

    def test_sales_from_stripes_stay_in_the_version_when_the_stripes_change(
        self, buyer: Person
    ) -> None:
        product = a_striped_product(4, stock=40, price=1)
        tags = []
        for number in (2, 4, 1, 4):
            place(buyer, (product, 1))
            tags.append(stock_seen(product).headers["etag"].partition("-")[0])
            set_stripes(product, number)
        assert len(set(tags)) == 4
        assert sorted(tags, key=lambda tag: int(tag[3:])) == tags

    def test_a_stocks_tag_matches_no_edit(self, product: str) -> None:
        tag = stock_seen(product).headers["etag"]
        assert edit_product(product, tag=tag, name="Feather").json["code"] == "STALE_VERSION"


class TestAdjustments:
    def test_an_adjustment_changes_what_is_on_hand_and_available(
        self, product: str, buyer: Person
    ) -> None:
        admin = an_admin()
        an_order(buyer, (product, 3))
        answer = adjust_stock(product, -2, "DAMAGED", admin, note="It fell.")
        assert answer.status == 201
        assert units_of(product) == (18, 3, 15)
        [newest] = movements_of(product, "?limit=1").json["items"]
        assert (newest["reason"], newest["by"], newest["note"], newest["order_id"]) == (
            "DAMAGED", f"admin:{admin.user_id}", "It fell.", None,
        )  # fmt: skip
        assert audit_of(product)[-1] == (
            f"admin:{admin.user_id}",
            "ADJUST_STOCK",
            {"on_hand": 20, "reserved": 3, "available": 17},
            {"on_hand": 18, "reserved": 3, "available": 15, "reason": "DAMAGED",
             "note": "It fell."},
        )  # fmt: skip
        assert_books_hold(product, users=[buyer.user_id])

    def test_one_key_is_one_adjustment(self, product: str) -> None:
        key, admin = a_key(), an_admin()
        first, again = (adjust_stock(product, 5, "RECEIVED", admin, key) for _ in range(2))
        assert (first.status, again.status, again.json) == (201, 201, first.json)
        assert again.headers["idempotency-replayed"] == "true"
        assert again.headers["etag"] == first.headers["etag"]
        assert units_of(product) == (25, 0, 25)

    def test_more_than_is_available_cannot_be_taken_away(self, product: str, buyer: Person) -> None:
        order_id = an_order(buyer, (product, 15))
        key, admin = a_key(), an_admin()
        answer = adjust_stock(product, -7, "LOST", admin, key)
        assert (answer.status, answer.json["code"], answer.json["by"]) == (409, "OVERSOLD", 2)
        assert answer.json["order_ids"] == [order_id]
        assert units_of(product) == (20, 15, 5)
        cancel(buyer, order_id)
        again = adjust_stock(product, -7, "LOST", admin, key)  # the first answer is replayed
        assert (again.status, again.json["code"]) == (409, "OVERSOLD")
        assert adjust_stock(product, -7, "LOST", admin).status == 201
        assert_books_hold(product, users=[buyer.user_id])

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"delta": 0}, "delta"),
            ({"delta": 10**9 + 1}, "delta"),
            ({"delta": 1.5}, "delta"),
            ({"reason": "SOLD"}, "reason"),
            ({"reason": "DROP_ALLOTTED"}, "reason"),
            ({"note": ""}, "note"),
            ({"note": "\n"}, "note"),
            ({"quantity": 1}, "quantity"),
        ],
    )
    def test_an_invalid_adjustment_is_refused(self, body: dict[str, Any], field: str) -> None:
        product = a_product(stock=2)
        answer = adjust_stock(product, **{"delta": 1, "reason": "FOUND", **body})
        assert (answer.status, answer.json["code"]) == (422, "VALIDATION_FAILED")
        assert answer.json["errors"][0]["field"] == field
        assert units_of(product) == (2, 0, 2)

    def test_an_adjustment_needs_a_key(self, product: str) -> None:
        answer = call(
            "product/adjust_stock",
            "POST",
            f"/admin/products/{product}/stock/adjustments",
            body={"delta": 1, "reason": "FOUND"},
            token=an_admin().token,
        )
        assert (answer.status, answer.json["code"]) == (400, "IDEMPOTENCY_KEY_MISSING")


class TestMovements:
    def test_each_movement_has_reason_person_order_change_and_balance(
        self, product: str, buyer: Person
    ) -> None:
        admin = an_admin()
        order_id, other = (an_order(buyer, (product, n)) for n in (3, 2))
        ship(admin, order_id)
        cancel(buyer, other)
        me, staff = f"user:{buyer.user_id}", f"admin:{admin.user_id}"
        shown = movements_of(product).json["items"]
        assert [
            (each["reason"], each["by"], each["order_id"], *units(each["change"]),
             *units(each["balance"]))
            for each in shown
        ] == [
            ("RETURNED", me, other, 0, -2, 2, 17, 0, 17),
            ("SHIPPED", staff, order_id, -3, -3, 0, 17, 2, 15),
            ("SOLD", me, other, 0, 2, -2, 20, 5, 15),
            ("SOLD", me, order_id, 0, 3, -3, 20, 3, 17),
            ("COUNTED", "system", None, 20, 0, 20, 20, 0, 20),
        ]  # fmt: skip

    @pytest.mark.parametrize("limit", [1, 2, 7])
    def test_pages_have_every_movement_once_with_balances_that_add_up(
        self, product: str, buyer: Person, limit: int
    ) -> None:
        order_id = an_order(buyer, (product, 3))
        adjust_stock(product, 4)
        ship(an_admin(), order_id)
        cancel(buyer, an_order(buyer, (product, 1)))
        count_stock(product, on_hand=11)
        whole = movements_of(product, "?limit=100").json
        assert whole["next_cursor"] is None
        seen, cursor = [], ""
        while cursor is not None:
            page = movements_of(product, f"?limit={limit}{cursor and f'&cursor={cursor}'}").json
            seen += page["items"]
            cursor = page["next_cursor"]
            an_order(buyer, (product, 1))  # what happens meanwhile changes no page to come
        assert seen == whole["items"]
        before = (0, 0, 0)
        for each in reversed(seen):
            change = units(each["change"])
            before = (before[0] + change[0], before[1] + change[1], before[2] + change[2])
            assert units(each["balance"]) == before

    def test_a_cursor_of_another_products_movements_is_refused(self, product: str) -> None:
        other = a_product(stock=1)
        for _ in range(2):
            adjust_stock(other, 1)
        cursor = movements_of(other, "?limit=1").json["next_cursor"]
        answer = movements_of(product, f"?cursor={cursor}")
        assert (answer.status, answer.json["code"]) == (422, "INVALID_CURSOR")

    def test_a_product_without_movements_has_an_empty_list(self) -> None:
        answer = movements_of(a_product(stock=0))
        assert (answer.status, answer.json) == (200, {"items": [], "next_cursor": None})

    def test_a_shipment_records_no_event_of_the_stock(self, product: str, buyer: Person) -> None:
        order_id = an_order(buyer, (product, 20))
        before = events_about(product, "StockChanged", "StockSoldOut", "StockReturned")
        ship(an_admin(), order_id)
        assert events_about(product, "StockChanged", "StockSoldOut", "StockReturned") == before
        assert units_of(product) == (0, 0, 0)


def units(shown: dict[str, int]) -> tuple[int, int, int]:
    return shown["on_hand"], shown["reserved"], shown["available"]


class TestDrops:
    """Drops hold a part of what is reserved."""

    def allot(self, product: str, number: int, drop_id: UUID) -> None:
        in_transaction(
            lambda shop: shop.stock.allot(UUID(product), number, drop_id=drop_id, by="admin:a")
        )

    def test_allotted_units_are_reserved_until_they_return(self, product: str) -> None:
        drop_id = uuid4()
        self.allot(product, 8, drop_id)
        assert (units_of(product), stock_seen(product).json["allotted"]) == ((20, 8, 12), 8)
        in_transaction(lambda shop: shop.stock.return_allotted(
            {UUID(product): 3}, drop_id=drop_id, by="system"))  # fmt: skip
        assert (units_of(product), stock_seen(product).json["allotted"]) == ((20, 5, 15), 5)
        newest = movements_of(product, "?limit=2").json["items"]
        assert [(each["reason"], each["drop_id"], each["by"]) for each in newest] == [
            ("DROP_RETURNED", str(drop_id), "system"),
            ("DROP_ALLOTTED", str(drop_id), "admin:a"),
        ]
        assert_books_hold(product)

    def test_a_shipped_order_of_a_drop_leaves_its_allotment(self, product: str) -> None:
        drop_id, order_id = uuid4(), uuid4()
        self.allot(product, 8, drop_id)

        def ship_one(shop: Shop) -> None:
            shop.products.ship([(UUID(product), 1)], order_id, by="admin:a", drop_id=drop_id)

        in_transaction(ship_one)
        assert (units_of(product), stock_seen(product).json["allotted"]) == ((19, 7, 12), 7)
        with pytest.raises(ConstraintViolated, match="stock_taken_once_per_reason"):
            in_transaction(ship_one)
        rows("DELETE FROM stock_movement WHERE order_id = $1", order_id)  # there is no such order
        rows("UPDATE stock SET on_hand = on_hand + 1, allotted = 8 WHERE product_id = $1", product)
        assert_books_hold(product)

    def test_more_than_is_available_is_not_allotted(self, product: str, buyer: Person) -> None:
        an_order(buyer, (product, 15))
        with pytest.raises(OutOfStock) as refused:
            self.allot(product, 6, uuid4())
        assert refused.value.errors == [{"product_id": product, "requested": 6, "available": 5}]
        with pytest.raises(ProductNotFound):
            self.allot(NOBODYS, 1, uuid4())
        assert units_of(product) == (20, 15, 5)

    def test_more_than_is_allotted_does_not_return(self, product: str) -> None:
        drop_id = uuid4()
        self.allot(product, 2, drop_id)
        with pytest.raises(ConstraintViolated, match="allotted_not_negative"):
            in_transaction(lambda shop: shop.stock.return_allotted(
                {UUID(product): 3}, drop_id=drop_id, by="system"))  # fmt: skip
        assert units_of(product) == (20, 2, 18)

    def test_a_product_turns_when_a_drop_takes_all_and_returns_some(self, product: str) -> None:
        drop_id = uuid4()
        self.allot(product, 20, drop_id)
        in_transaction(lambda shop: shop.stock.return_allotted(
            {UUID(product): 1}, drop_id=drop_id, by="system"))  # fmt: skip
        turns = [each["type"] for each in events_about(product, "StockSoldOut", "StockReturned")]
        assert turns[-2:] == ["StockSoldOut", "StockReturned"]

    def test_a_count_knows_what_drops_hold(self, product: str) -> None:
        self.allot(product, 8, uuid4())
        assert count_stock(product, on_hand=7).json["by"] == 1
        assert count_stock(product, on_hand=9).json["available"] == 1
