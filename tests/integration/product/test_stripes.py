"""A stock that is dealt out to stripes, from the handlers to PostgreSQL and back."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commerce.app.transactions import in_transaction
from commerce.product import OutOfStock, SqlProductRepository
from commerce.product.model import Balance, Cause, MovementReason, Stock
from commerce.product.striping import SalesSpike, SqlStripeRepository, StripingFacade
from commerce.product.striping.model import STRIPES_IN_A_SPIKE, StripedStock, Striping
from commerce.runtime.db.connection import COMMIT, ROLLBACK
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared import clock
from tests.support.admin import audit_of, product_of, put_stripes, set_stock
from tests.support.lambda_calls import Answer, function, lambda_context
from tests.support.orders import an_order, cancel, place
from tests.support.other_connection import an_observer, held_by_another, wait_until
from tests.support.shop import (
    Person,
    a_buyer,
    a_product,
    a_striped_product,
    an_admin,
    assert_books_hold,
    events_about,
    rows,
    set_stripes,
    stock_of,
    stripes_of,
)
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("own_shop")

HOLD_STRIPES = "SELECT 1 FROM stock_stripe WHERE product_id = $1 AND number > 0 FOR UPDATE"
HOLD_ALL = "SELECT 1 FROM stock_stripe WHERE product_id = $1 ORDER BY number FOR UPDATE"
BLOCKED = "SELECT 1 FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'"


def in_own_row(product: str) -> int:
    """Return the units in the stock's own row."""
    found = rows("SELECT quantity FROM stock WHERE product_id = $1", product)
    return int(found[0].quantity)


def elsewhere(buyer: Person, *lines: tuple[str, int]) -> Answer:
    """An order from a thread, and so a connection, of its own."""
    [answer] = run_concurrently([lambda: place(buyer, *lines)])
    return answer


class TestDealingOut:
    def test_a_stock_is_striped_evenly_and_shown_as_one_quantity(self) -> None:
        product = a_striped_product(4, stock=43)
        assert (stripes_of(product), in_own_row(product)) == ([10, 10, 10, 10], 3)
        assert product_of(product).json["stock_quantity"] == 43
        assert events_about(product, "StockChanged")[1:] == []

    def test_few_units_stay_in_one_row(self) -> None:
        product = a_striped_product(4, stock=15)
        assert (stripes_of(product), in_own_row(product)) == ([0, 0, 0, 0], 15)

    def test_a_single_stripe_means_no_striping(self) -> None:
        product = a_striped_product(4, stock=40)
        set_stripes(product, 1)
        assert (stripes_of(product), in_own_row(product)) == ([], 40)

    @settings(max_examples=15, deadline=None, suppress_health_check=[*HealthCheck])
    @given(data=st.data())
    def test_striping_never_loses_a_unit(self, data: st.DataObject) -> None:
        product, buyer = a_product(stock=30, price=1), a_buyer(10_000)
        expected, orders = 30, list[tuple[str, int]]()
        for _ in range(data.draw(st.integers(1, 12), label="steps")):
            step = data.draw(st.sampled_from(["stripe", "count", "buy", "buy", "buy", "cancel"]))
            if step == "stripe":
                set_stripes(product, data.draw(st.integers(1, 9)))
            elif step == "count":
                expected = data.draw(st.integers(0, 60))
                assert set_stock(product, expected).json["stock_quantity"] == expected
            elif step == "cancel" and orders:
                order, units = orders.pop(data.draw(st.integers(0, len(orders) - 1)))
                assert cancel(buyer, order).status == 200
                expected += units
            elif step == "buy":
                units = data.draw(st.integers(1, 9))
                answer = place(buyer, (product, units))
                assert (answer.status == 201) is (units <= expected)
                if answer.status == 201:
                    orders.append((answer.json["order_id"], units))
                    expected -= units
            assert stock_of(product) == product_of(product).json["stock_quantity"] == expected
        events = [each["type"] for each in events_about(product, "StockReturned", "StockSoldOut")]
        assert events == (["StockReturned", "StockSoldOut"] * len(events))[: len(events)]
        assert (events[-1] == "StockSoldOut") is (expected == 0)
        assert_books_hold(product, users=[buyer.user_id])


class TestSelling:
    def test_units_are_taken_from_one_stripe_with_one_event(self) -> None:
        product, buyer = a_striped_product(4, stock=43, price=1), a_buyer(points=100)
        assert place(buyer, (product, 3)).status == 201
        assert (sorted(stripes_of(product)), in_own_row(product)) == ([7, 10, 10, 10], 3)
        event = events_about(product, "StockChanged")[-1]
        assert event["data"] == {
            "product_id": product, "quantity": 40, "change": -3, "reason": "SOLD",
        }  # fmt: skip
        sql = "SELECT id, version FROM stock_stripe WHERE product_id = $1 AND quantity = 7"
        [stripe] = rows(sql, product)
        from_stripe = (str(stripe.id), stripe.version)
        assert (event["aggregate_id"], event["aggregate_version"]) == from_stripe
        assert_books_hold(product, users=[buyer.user_id])

    def test_an_order_above_one_stripe_gathers_all_stripes(self) -> None:
        product, buyer = a_striped_product(4, stock=40, price=1), a_buyer(points=100)
        assert place(buyer, (product, 11)).status == 201
        assert (stripes_of(product), in_own_row(product)) == ([7, 7, 7, 7], 1)
        event = events_about(product, "StockChanged")[-1]
        assert (event["aggregate_id"], event["data"]["quantity"]) == (product, 29)
        assert_books_hold(product, users=[buyer.user_id])

    def test_the_last_units_of_all_stripes_are_sold_together(self) -> None:
        product, buyer = a_striped_product(4, stock=40, price=1), a_buyer(points=100)
        assert place(buyer, (product, 40)).status == 201
        assert (stripes_of(product), in_own_row(product)) == ([0, 0, 0, 0], 0)
        sold_out = events_about(product, "StockSoldOut")
        assert [each["aggregate_id"] for each in sold_out] == [product]
        assert place(buyer, (product, 1)).json["errors"] == [
            {"product_id": product, "requested": 1, "available": 0}
        ]
        assert_books_hold(product, users=[buyer.user_id])

    def test_an_order_above_all_stripes_is_refused_with_the_total(self) -> None:
        product, buyer = a_striped_product(4, stock=42, price=1), a_buyer(points=100)
        refused = place(buyer, (product, 43))
        assert refused.json["errors"] == [{"product_id": product, "requested": 43, "available": 42}]
        assert stripes_of(product) == [10, 10, 10, 10]

    def test_a_locked_stripe_is_skipped(self, own_shop: str) -> None:
        product, buyer = a_striped_product(4, stock=40, price=1), a_buyer(points=100)
        with held_by_another(own_shop, HOLD_STRIPES, product):
            for _ in range(3):
                assert elsewhere(buyer, (product, 2)).status == 201
        assert stripes_of(product) == [4, 10, 10, 10]

    @pytest.mark.parametrize("end", [COMMIT, ROLLBACK], ids=["sold", "not sold"])
    def test_units_in_a_locked_stripe_are_not_sold_out(self, own_shop: str, end: Query) -> None:
        """Nearly all units are in somebody's unfinished order: wait what becomes of it."""
        product, buyer = a_striped_product(2, stock=8, price=1), a_buyer(points=100)
        name = own_shop.rsplit("/", 1)[1]
        with (
            ThreadPoolExecutor(max_workers=1) as threads,
            held_by_another(own_shop, HOLD_ALL, product) as somebody,
            an_observer(own_shop) as look,
        ):
            somebody.run(
                [Query("UPDATE stock_stripe SET quantity = 1 WHERE product_id = $1", [product])]
            )
            waiting = threads.submit(elsewhere, buyer, (product, 3))
            wait_until(lambda: look(BLOCKED, name) or waiting.done())
            assert not waiting.done()
            somebody.run([end])
            answer = waiting.result()
        if end is COMMIT:
            assert answer.json["errors"] == [
                {"product_id": product, "requested": 3, "available": 2}
            ]
            assert stripes_of(product) == [1, 1]
        else:
            assert (answer.status, sorted(stripes_of(product))) == (201, [1, 4])

    def test_returned_units_are_sold_before_they_are_striped(self) -> None:
        product, buyer = a_striped_product(2, stock=16, price=1), a_buyer(points=100)
        order = an_order(buyer, (product, 16))
        assert cancel(buyer, order).status == 200
        assert (stripes_of(product), in_own_row(product)) == ([0, 0], 16)
        assert place(buyer, (product, 1)).status == 201
        assert (stripes_of(product), in_own_row(product)) == ([7, 7], 1)
        turned = events_about(product, "StockReturned", "StockSoldOut")
        assert [each["type"] for each in turned] == [
            "StockReturned", "StockSoldOut", "StockReturned",
        ]  # fmt: skip
        assert_books_hold(product, users=[buyer.user_id])

    def test_an_order_of_striped_and_plain_products_takes_all_or_nothing(self) -> None:
        striped, other = (a_striped_product(4, stock=40, price=1) for _ in range(2))
        plain, buyer = a_product(stock=5, price=1), a_buyer(points=100)
        assert place(buyer, (striped, 1), (plain, 5), (other, 2)).status == 201
        assert [stock_of(each) for each in (striped, plain, other)] == [39, 0, 38]
        refused = place(buyer, (striped, 99), (plain, 1), (other, 2))
        assert [each["available"] for each in refused.json["errors"]] == [39, 0]
        assert [stock_of(each) for each in (striped, plain, other)] == [39, 0, 38]
        assert_books_hold(striped, plain, other, users=[buyer.user_id])


class TestRepository:
    def sell(self, product: UUID, quantity: int, stock: Stock | None = None) -> Stock:
        """Sell units of a stock as it was read now or before; returns it as it was read."""
        with UnitOfWork(database()) as uow:
            repository = SqlProductRepository(uow)
            read = stock or repository.find_all([product])[product].stock
            repository.sell(
                {product: quantity},
                {product: read},
                Cause(reason=MovementReason.SOLD, by="test", order_id=uuid4()),
                on_out_of_stock=partial(OutOfStock, []),
            )
            uow.commit()
        return read

    @pytest.mark.parametrize("wanted", [3, 12, 40])
    def test_a_striped_stock_sells_as_one(self, wanted: int) -> None:
        product = a_striped_product(4, stock=40)
        read = self.sell(UUID(product), wanted)
        assert isinstance(read, StripedStock)
        assert (read.quantity, read.stripes) == (40, (10,) * 4)
        with UnitOfWork(database()) as uow:
            left = SqlProductRepository(uow).lock_stock(read.product_id)
            striping = SqlStripeRepository(uow).lock(read.product_id)
        assert left is not None
        assert (left.balance, left.version) == (Balance(40, 40 - wanted), 3)
        assert striping == Striping(read.product_id, rows=4, is_fixed=True)
        with pytest.raises(OutOfStock):
            self.sell(read.product_id, 41)
        assert stock_of(product) == 40 - wanted

    def test_a_striped_stock_that_was_read_long_ago_is_not_oversold(self) -> None:
        product = a_striped_product(4, stock=40)
        read = self.sell(UUID(product), 38)
        with pytest.raises(OutOfStock):
            self.sell(read.product_id, 3, stock=read)
        self.sell(read.product_id, 2, stock=read)
        assert (stock_of(product), stripes_of(product)) == (0, [0, 0, 0, 0])

    def test_a_stripe_that_has_become_too_small_is_not_emptied(self) -> None:
        product = a_striped_product(4, stock=40)
        read = self.sell(UUID(product), 1)
        rows("UPDATE stock_stripe SET quantity = 3 WHERE product_id = $1", product)
        self.sell(read.product_id, 3, stock=read)
        assert (stripes_of(product), in_own_row(product)) == ([0, 0, 0, 0], 9)

    @pytest.mark.parametrize("stripes", [1, 4])
    def test_the_statements_guards_refuse_without_the_table_checks(self, stripes: int) -> None:
        product = a_striped_product(stripes, stock=40)
        rules = "DROP CONSTRAINT stock_not_negative", "DROP CONSTRAINT stripe_not_negative"
        for table, rule in zip(("stock", "stock_stripe"), rules, strict=True):
            database().run([Query(f"ALTER TABLE {table} {rule}")])
        read = self.sell(UUID(product), 38)
        with pytest.raises(OutOfStock):
            self.sell(read.product_id, 3, stock=read)
        assert stock_of(product) == 2


class TestAdmins:
    def test_a_stock_count_is_exact_striped_and_recorded_once(self) -> None:
        product = a_striped_product(4, stock=40)
        for quantity, dealt in ((44, 11), (20, 5), (3, 0), (0, 0), (16, 4)):
            assert set_stock(product, quantity).json["stock_quantity"] == quantity
            assert (stock_of(product), stripes_of(product)) == (quantity, [dealt] * 4)
        events = events_about(product, "StockChanged")[1:]
        assert [each["data"]["quantity"] for each in events] == [44, 20, 3, 0, 16]
        assert_books_hold(product)

    def test_a_stale_stock_count_is_refused(self) -> None:
        product = a_striped_product(4, stock=40)
        tag = product_of(product).headers["etag"]
        assert put_stripes(product, 8).status == 200
        assert set_stock(product, 50, tag=tag).status == 200  # stripes are no edit
        assert set_stock(product, 60, tag=tag).json["code"] == "STALE_VERSION"

    def test_an_admin_sets_the_number_of_stripes(self) -> None:
        product, admin = a_product(stock=100), an_admin()
        for stripes, shown in ((16, 16), (16, 16), (1, 1), (64, 64)):
            answer = put_stripes(product, stripes, admin)
            assert (answer.status, answer.json) == (
                200, {"product_id": product, "stripes": shown, "is_fixed": True},
            )  # fmt: skip
        left_to_us = put_stripes(product, None, admin).json
        assert left_to_us == {"product_id": product, "stripes": 64, "is_fixed": False}
        changed = [entry for entry in audit_of(product) if entry[1] == "SET_STRIPES"]
        assert [entry[3] for entry in changed] == [
            {"stripes": 16, "is_fixed": True},
            {"stripes": 1, "is_fixed": True},
            {"stripes": 64, "is_fixed": True},
            {"stripes": 64, "is_fixed": False},
        ]
        assert stock_of(product) == 100

    @pytest.mark.parametrize("stripes", [0, 65, -1, "16", 1.5, True])
    def test_an_invalid_number_of_stripes_is_refused(self, stripes: Any) -> None:
        product = a_product()
        answer = put_stripes(product, stripes)
        assert (answer.status, answer.json["code"]) == (422, "VALIDATION_FAILED")
        assert stripes_of(product) == []

    def test_only_an_admin_stripes_and_only_a_known_product(self) -> None:
        product = a_product()
        assert put_stripes(product, 4, a_buyer()).status == 403
        assert put_stripes("no-such-product", 4).json["code"] == "PRODUCT_NOT_FOUND"
        assert stripes_of(product) == []


class TestSalesSpikes:
    @pytest.fixture(autouse=True)
    def a_spike_is_ten_orders(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOT_SALES_PER_MINUTE", "10")

    def a_minute_passes(self) -> dict[str, int]:
        done = function("product/every_minute_stripe")({}, lambda_context(60))
        return {name: done[name] for name in ("dealt_out", "brought_back", "busy")}

    def sold(self, product: str, times: int) -> None:
        buyer = a_buyer(points=100_000)
        for _ in range(times):
            assert place(buyer, (product, 1)).status == 201

    def an_hour_ago(self, product: str) -> None:
        rows("UPDATE stock_movement SET at = at - interval '1 hour' WHERE product_id = $1", product)

    def test_a_product_in_a_spike_is_dealt_out_until_it_sells_less(self) -> None:
        hot, calm = a_product(stock=200, price=1), a_product(stock=200, price=1)
        self.sold(hot, 10)
        self.sold(calm, 9)
        assert self.a_minute_passes() == {"dealt_out": 1, "brought_back": 0, "busy": 0}
        assert (len(stripes_of(hot)), stripes_of(calm)) == (STRIPES_IN_A_SPIKE, [])
        self.an_hour_ago(hot)
        self.sold(hot, 1)  # a tenth of a spike keeps it going
        assert self.a_minute_passes() == {"dealt_out": 0, "brought_back": 0, "busy": 0}
        assert len(stripes_of(hot)) == STRIPES_IN_A_SPIKE
        self.an_hour_ago(hot)
        assert self.a_minute_passes() == {"dealt_out": 0, "brought_back": 1, "busy": 0}
        assert (stripes_of(hot), stock_of(hot)) == ([], 189)
        assert audit_of(hot)[-1][0] == "system"
        assert_books_hold(hot, calm)

    def test_an_admins_number_of_stripes_is_kept(self) -> None:
        one_row, four = a_product(stock=200, price=1), a_product(stock=200, price=1)
        assert put_stripes(one_row, 1).status == put_stripes(four, 4).status == 200
        self.sold(one_row, 10)
        assert self.a_minute_passes() == {"dealt_out": 0, "brought_back": 0, "busy": 0}
        assert (stripes_of(one_row), len(stripes_of(four))) == ([], 4)
        assert put_stripes(one_row, None).status == put_stripes(four, None).status == 200
        assert self.a_minute_passes() == {"dealt_out": 1, "brought_back": 1, "busy": 0}

    def test_a_concurrent_decision_of_an_admin_prevails(self) -> None:
        product = a_product(stock=200, price=1)
        self.sold(product, 10)
        since = clock.now() - timedelta(minutes=1)
        [spike] = in_transaction(StripingFacade.sales_spikes, since, hot=10, cool=1)
        assert put_stripes(product, 1).status == 200
        in_transaction(StripingFacade.follow_spike, spike)
        assert stripes_of(product) == []

    def test_a_spike_is_many_sales_of_one_row_or_few_of_several(self) -> None:
        since = clock.now()
        hot, calm, cool, fixed = (a_product(stock=50, price=1) for _ in range(4))
        for product in (cool, fixed):
            assert put_stripes(product, 4).status == 200
        assert put_stripes(cool, None).status == 200
        for product, sales in ((hot, 3), (calm, 2), (cool, 1)):
            self.sold(product, sales)
        found = in_transaction(StripingFacade.sales_spikes, since, hot=3, cool=2)
        assert found == [
            SalesSpike(UUID(hot), is_striped=False, sales=3),
            SalesSpike(UUID(cool), is_striped=True, sales=1),
        ]
        later = in_transaction(StripingFacade.sales_spikes, clock.now(), hot=3, cool=1)
        assert later == [SalesSpike(UUID(cool), is_striped=True, sales=0)]

    def test_a_product_too_busy_to_stripe_does_not_stop_the_others(self, own_shop: str) -> None:
        busy, other = a_product(stock=200, price=1), a_product(stock=200, price=1)
        self.sold(busy, 10)
        self.sold(other, 10)
        hold = "SELECT 1 FROM stock WHERE product_id = $1 FOR UPDATE"
        with held_by_another(own_shop, hold, busy):
            assert self.a_minute_passes() == {"dealt_out": 1, "brought_back": 0, "busy": 1}
        assert self.a_minute_passes() == {"dealt_out": 1, "brought_back": 0, "busy": 0}

    def test_only_the_newest_movements_are_read(self) -> None:
        rows(
            "INSERT INTO stock_movement (product_id, change, reason, at)"
            " SELECT gen_random_uuid(), 1, 'COUNTED', now() - interval '1 day'"
            " FROM generate_series(1, 30000)"
        )
        rows("ANALYZE stock_movement")
        from commerce.product.striping.statements import SALES_SPIKES

        query = SALES_SPIKES(since=clock.now(), hot=10, cool=1, newest=1_000)
        plan = rows(f"EXPLAIN {query.sql}", *query.values)
        text = "\n".join(str(row[0]) for row in plan)
        assert "Index Scan Backward using stock_movement_pkey" in text
        assert "Seq Scan on stock_movement" not in text
