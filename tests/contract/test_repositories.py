"""Repositories keep the same promises in memory and in PostgreSQL.

The database is shared: what a test keeps there has ids, prices and likes that no other test uses.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import TypeAlias, TypeVar
from uuid import UUID, uuid4

import pytest

from commerce.brand.model import Brand
from commerce.brand.repository import BrandRepository, SqlBrandRepository
from commerce.order.errors import OrderNotFound
from commerce.order.limits import HoldLimits, LimitedPurchase
from commerce.order.model import Order, OrderLine, Tracking
from commerce.order.repository import OrderRepository, SqlOrderRepository
from commerce.order.returns import ReceivedUnits
from commerce.point.charging import Charged
from commerce.point.model import Charge, ChargeStatus, LedgerEntry, PointAccount
from commerce.point.repository import PointRepository, SqlPointRepository
from commerce.product import Sort
from commerce.product.errors import OutOfStock
from commerce.product.model import (
    Balance,
    Cause,
    Move,
    MovementReason,
    Product,
    ProductSummary,
    Stock,
    StockLevels,
)
from commerce.product.repository import ProductRepository, SqlProductRepository
from commerce.product.sale_terms import SaleTerms
from commerce.runtime.db.connection import ConstraintViolated, Contention, Database
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared import clock
from commerce.shared.etag import StaleVersion
from commerce.shared.money import Money
from commerce.shipping import NoticeKind, NoticeLine, ShipmentNotice, ToDeliver
from commerce.shipping.model import Shipment
from commerce.shipping.repository import ShipmentRepository, SqlShipmentRepository
from commerce.user.errors import EmailTaken, LoginIdTaken
from commerce.user.model import User
from commerce.user.repository import SqlUserRepository, UserRepository
from commerce.user.sessions.model import Session
from commerce.user.sessions.repository import SessionRepository, SqlSessionRepository
from commerce.user.throttle import Attempts, Counter, Kind
from tests.support.addresses import AN_ADDRESS
from tests.support.memory.brand import MemoryBrandRepository
from tests.support.memory.order import MemoryOrderRepository
from tests.support.memory.point import MemoryPointRepository
from tests.support.memory.product import MemoryProductRepository
from tests.support.memory.session import MemorySessionRepository
from tests.support.memory.shipping import MemoryShipmentRepository
from tests.support.memory.user import MemoryUserRepository

R = TypeVar("R")
Opened: TypeAlias = Callable[[], AbstractContextManager[R]]
"""Opens a transaction on the repository; leaving it commits."""

COUNTED = Cause(reason=MovementReason.COUNTED, by="admin")
NOW = datetime(2026, 1, 31, 9, 30, 0, 123456, tzinfo=UTC)


@pytest.fixture(scope="module")
def database(database_url: str) -> Iterator[Database]:
    found = Database(lambda: database_url)
    yield found
    found.close()


@pytest.fixture(params=["memory", "sql"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def opened(kind: str, database: Database, memory: R, sql: Callable[[UnitOfWork], R]) -> "Opened[R]":
    @contextmanager
    def transaction() -> Iterator[R]:
        with UnitOfWork(database) as uow:
            yield sql(uow)
            uow.commit()

    return transaction if kind == "sql" else lambda: nullcontext(memory)


def some_ids(count: int) -> list[UUID]:
    """Ids in their order, with none of another test between them, and older than all of theirs."""
    base = secrets.randbits(100) << 8
    return [UUID(int=base + number) for number in range(1, count + 1)]


def refuse() -> OutOfStock:
    return OutOfStock([])


def find_nothing_wrong() -> None:
    return None


@pytest.fixture
def brands(kind: str, database: Database) -> Opened[BrandRepository]:
    return opened(kind, database, MemoryBrandRepository(), SqlBrandRepository)


@pytest.fixture
def orders(kind: str, database: Database) -> Opened[OrderRepository]:
    return opened(kind, database, MemoryOrderRepository(), SqlOrderRepository)


@pytest.fixture
def shipments(kind: str, database: Database) -> Opened[ShipmentRepository]:
    return opened(kind, database, MemoryShipmentRepository(), SqlShipmentRepository)


@pytest.fixture
def points(kind: str, database: Database) -> Opened[PointRepository]:
    return opened(kind, database, MemoryPointRepository(), SqlPointRepository)


@pytest.fixture
def users(kind: str, database: Database) -> Opened[UserRepository]:
    return opened(kind, database, MemoryUserRepository(), SqlUserRepository)


@pytest.fixture
def sessions(kind: str, database: Database) -> Opened[SessionRepository]:
    return opened(kind, database, MemorySessionRepository(), SqlSessionRepository)


@pytest.fixture
def products(kind: str, database: Database) -> Opened[ProductRepository]:
    return opened(kind, database, MemoryProductRepository(), SqlProductRepository)


@pytest.fixture
def brand_id(database: Database) -> UUID:
    brand = Brand(uuid4(), "Acme", "")
    with UnitOfWork(database) as uow:
        SqlBrandRepository(uow).add(brand)
        uow.commit()
    return brand.id


class TestBrands:
    def test_an_added_brand_is_found(self, brands: Opened[BrandRepository]) -> None:
        one, other = (Brand(id_, f"Brand {id_}", "\N{ANCHOR}\n'\"\\ $1") for id_ in some_ids(2))
        with brands() as repository:
            repository.add(one)
            repository.add(other)
        with brands() as repository:
            assert repository.find_all([one.id, uuid4(), other.id]) == {
                one.id: one,
                other.id: other,
            }
            assert repository.find_all([one.id, one.id]) == {one.id: one}
            assert repository.find_all([uuid4()]) == repository.find_all([]) == {}

    def test_pages_are_newest_first_and_do_not_overlap(
        self, brands: Opened[BrandRepository]
    ) -> None:
        all_ = [Brand(id_, "Acme", "") for id_ in some_ids(5)]
        with brands() as repository:
            for brand in (all_[2], all_[0], all_[4], all_[1], all_[3]):
                repository.add(brand)
        with brands() as repository:
            assert repository.newest(all_[4].id, 2) == [all_[3], all_[2]]
            assert repository.newest(all_[2].id, 2) == [all_[1], all_[0]]
            assert all_[0] not in repository.newest(all_[0].id, 1)

    def test_an_edit_is_saved_and_a_stale_one_is_not(self, brands: Opened[BrandRepository]) -> None:
        brand = Brand(uuid4(), "Acme", "Everything")
        with brands() as repository:
            repository.add(brand)
        edited, late = replace(brand, events=[]), replace(brand, events=[])
        edited.edit({"name": "Emca \N{ANCHOR}"})
        with brands() as repository:
            repository.save(edited, on_stale=find_nothing_wrong)
        late.edit({"name": "Late"})
        for on_stale, error in ((refuse, OutOfStock), (find_nothing_wrong, Contention)):
            with pytest.raises(error), brands() as repository:
                repository.save(late, on_stale=on_stale)
        with brands() as repository:
            assert repository.find_all([brand.id]) == {brand.id: edited}
        assert edited == Brand(brand.id, "Emca \N{ANCHOR}", "Everything", 2)


class TestProducts:
    def test_an_edit_is_saved_and_a_stale_one_is_not(
        self, products: Opened[ProductRepository], brand_id: UUID
    ) -> None:
        [id_] = kept_products(products, brand_id, 5)
        with products() as repository:
            read = repository.find_all([id_])[id_]
            repository.count_likes({id_: 3})
        edited, late = replace(read, events=[]), replace(read, events=[])
        edited.edit({"name": "Feather", "price": Money(7), "description": "Light."})
        with products() as repository:
            repository.save(edited, on_stale=find_nothing_wrong)
        late.edit({"name": "Late"})
        for on_stale, error in ((refuse, OutOfStock), (find_nothing_wrong, Contention)):
            with pytest.raises(error), products() as repository:
                repository.save(late, on_stale=on_stale)
        with products() as repository:
            assert repository.find_all([id_])[id_] == replace(edited, like_count=3)
        assert (edited.version, edited.price) == (2, Money(7))

    def test_a_count_of_what_is_there_makes_a_new_version(
        self, products: Opened[ProductRepository], brand_id: UUID
    ) -> None:
        [id_] = kept_products(products, brand_id, 5)
        for number in (3, 4):
            with products() as repository:
                stock = repository.lock_stock(id_)
                assert stock is not None
                repository.change_stock(stock, Move(id_, 0), COUNTED)
            with products() as repository:
                [state] = repository.find_states([id_])
                stock = repository.lock_stock(id_)
                found = repository.find_all([id_])[id_]
            assert stock is not None
            versions = (state.stock_version, stock.version, found.stock.version)
            assert versions == (number,) * 3

    def test_an_added_product_is_found_without_stock(
        self, products: Opened[ProductRepository], brand_id: UUID
    ) -> None:
        product = a_product(brand_id, uuid4(), price=Money(7, "USD"))
        product.stock.quantity = 5
        with products() as repository:
            repository.add(product)
        with products() as repository:
            expected = replace(product, stock=Stock(product.id, 0))
            assert repository.find_all([product.id, uuid4()]) == {product.id: expected}
            assert repository.find_all([]) == {}

    @pytest.mark.parametrize("by_brand", [True, False])
    @pytest.mark.parametrize("sort", Sort)
    def test_each_page_continues_where_the_previous_one_ended(
        self, products: Opened[ProductRepository], brand_id: UUID, sort: Sort, *, by_brand: bool
    ) -> None:
        base = secrets.randbits(50) + 10**9
        all_ = [
            a_product(brand_id, id_, price=Money(base + price), like_count=base + likes)
            for id_, price, likes in zip(some_ids(5), (2, 1, 2, 3, 2), (0, 2, 2, 1, 2), strict=True)
        ]
        walks: dict[Sort, tuple[list[int], list[int | str | UUID]]] = {
            Sort.LATEST: ([4, 3, 2, 1, 0], [UUID(int=all_[4].id.int + 1)]),
            Sort.PRICE_ASC: ([1, 0, 2, 4, 3], [base, all_[0].id]),
            Sort.LIKES_DESC: ([4, 2, 1, 3, 0], [base + 3, all_[0].id]),
        }
        order, before = walks[sort]
        with products() as repository:
            for product in all_:
                repository.add(product)
        after, only = before, brand_id if by_brand else None
        with products() as repository:
            for first, second in zip(order, [*order[1:], None], strict=True):
                page = repository.page(sort, only, after, 1 if second is None else 2)
                expected = [all_[number] for number in (first, second) if number is not None]
                assert page == [summary_of(product) for product in expected]
                after = place_of(all_[first], sort)
            assert repository.page(sort, uuid4(), [], 10) == []
            if by_brand:
                assert repository.page(sort, only, after, 10) == []
                assert repository.page(sort, only, [], 10) == [summary_of(all_[n]) for n in order]

    def test_locking_stock_reads_its_current_quantity(
        self, products: Opened[ProductRepository], brand_id: UUID
    ) -> None:
        [id_] = kept_products(products, brand_id, 5)
        with products() as repository:
            assert repository.lock_stock(id_) == StockLevels(id_, Balance(5, 5), version=2)
            assert repository.lock_stock(uuid4()) is None

    def test_levels_and_movements_show_units_on_hand_allotted_and_available(
        self, products: Opened[ProductRepository], brand_id: UUID
    ) -> None:
        [id_] = kept_products(products, brand_id, 10)
        order_id, drop_id = uuid4(), uuid4()
        done = [
            (Move(id_, -2), sold(order_id)),
            (Move(id_, 0, -2), Cause(reason=MovementReason.SHIPPED, by="a", order_id=order_id)),
            (Move(id_, -3), Cause(reason=MovementReason.DROP_ALLOTTED, by="b", drop_id=drop_id)),
            (Move(id_, 1), Cause(reason=MovementReason.DROP_RETURNED, by="b", drop_id=drop_id)),
            (Move(id_, -1, -1), Cause(reason=MovementReason.LOST, by="c", note="It is gone.")),
        ]
        for move, cause in done:
            with products() as repository:
                repository.move_stock([move], cause)
        expected = StockLevels(id_, Balance(on_hand=7, available=5), allotted=2, version=7)
        with products() as repository:
            read = repository.find_movements(id_, 2**63 - 1, 3)
            assert repository.find_levels(id_) == expected
            assert repository.find_levels(uuid4()) is None
            assert repository.find_movements(uuid4(), 9, 3) is None
        assert read is not None
        levels, newest = read
        assert levels == expected
        assert [(each.move, each.cause) for each in newest] == done[:1:-1]
        with products() as repository:
            read = repository.find_movements(id_, newest[-1].id, 9)
        assert read is not None
        assert [(each.move, each.cause) for each in read[1]] == [
            *done[1::-1],
            (Move(id_, 10, 10), COUNTED),
        ]

    def test_several_stocks_move_together(
        self, products: Opened[ProductRepository], brand_id: UUID
    ) -> None:
        one, other, third = kept_products(products, brand_id, 5, 1, 0)
        with products() as repository:
            repository.move_stock([Move(other, -1), Move(one, -2), Move(third, 4)], sold(uuid4()))
        assert stocks(products, one, other, third) == [3, 0, 4]

    @pytest.mark.parametrize("wanted", [6, 10**9])
    def test_more_than_is_available_moves_nothing(
        self, products: Opened[ProductRepository], brand_id: UUID, wanted: int
    ) -> None:
        one, other = kept_products(products, brand_id, 5, 5)
        with pytest.raises(OutOfStock), products() as repository:
            repository.sell({one: 1, other: wanted}, {}, sold(uuid4()), on_out_of_stock=refuse)
        assert stocks(products, one, other) == [5, 5]

    def test_an_unknown_products_stock_moves_nothing(
        self, products: Opened[ProductRepository], brand_id: UUID
    ) -> None:
        [one] = kept_products(products, brand_id, 5)
        with pytest.raises(OutOfStock), products() as repository:
            repository.sell({one: 1, uuid4(): 1}, {}, sold(uuid4()), on_out_of_stock=refuse)
        assert stocks(products, one) == [5]

    def test_a_refusal_that_no_longer_holds_is_a_conflict(
        self, products: Opened[ProductRepository], brand_id: UUID
    ) -> None:
        [one] = kept_products(products, brand_id, 5)
        with pytest.raises(Contention), products() as repository:
            repository.sell({one: 6}, {}, sold(uuid4()), on_out_of_stock=find_nothing_wrong)
        with pytest.raises(Contention), products() as repository:
            repository.move_stock([Move(one, -6)], sold(uuid4()))
        assert stocks(products, one) == [5]

    def test_a_repository_returns_copies(
        self, products: Opened[ProductRepository], brand_id: UUID
    ) -> None:
        [one] = kept_products(products, brand_id, 5)
        with products() as repository:
            repository.find_all([one])[one].stock.decrease(5)
        assert stocks(products, one) == [5]


class TestSaleTerms:
    def test_terms_are_read_back_as_stored_and_as_edited(
        self, products: Opened[ProductRepository], brand_id: UUID
    ) -> None:
        terms = SaleTerms(
            visible_from=NOW,
            archived_at=NOW + timedelta(days=1),
            sale_from=NOW + timedelta(hours=1),
            sale_until=NOW + timedelta(hours=2),
            max_per_buyer=2,
            hold_minutes=5,
        )
        product = replace(a_product(brand_id, uuid4()), terms=terms)
        with products() as repository:
            repository.add(product)
        for each in (terms, SaleTerms(), SaleTerms(visible_from=None)):
            with products() as repository:
                found = repository.find_all([product.id])[product.id]
                found.edit({"terms": each})
                repository.save(found, on_stale=lambda: None)
            with products() as repository:
                assert repository.find_all([product.id])[product.id].terms == each
                assert repository.find_summaries([product.id])[product.id].terms == each
                [state] = repository.find_states([product.id])
                assert state.terms == each

    def test_lists_leave_hidden_products_out(
        self, products: Opened[ProductRepository], brand_id: UUID
    ) -> None:
        now = clock.now()
        terms = {
            "visible": SaleTerms(visible_from=now - timedelta(minutes=1)),
            "scheduled": SaleTerms(visible_from=now + timedelta(hours=1)),
            "a draft": SaleTerms(visible_from=None),
            "archived": SaleTerms(archived_at=now),
            "always": SaleTerms(),
        }
        ids = {name: uuid4() for name in terms}
        with products() as repository:
            for name, each in terms.items():
                repository.add(replace(a_product(brand_id, ids[name]), terms=each))
        for sort in Sort:
            with products() as repository:
                page = repository.page(sort, brand_id, [], 10)
                positions = repository.first_positions(sort, brand_id, 10)
            assert {each.id for each in page} == {ids["visible"], ids["always"]}
            assert {each[-1] for each in positions} == {ids["visible"], ids["always"]}
        for name, id_ in ids.items():
            is_visible = name in ("visible", "always")
            with nullcontext() if is_visible else pytest.raises(OutOfStock), products() as found:
                found.require_visible([id_], on_hidden=refuse)

    def test_the_next_opening_is_the_first_to_come(
        self, products: Opened[ProductRepository], brand_id: UUID
    ) -> None:
        soon = clock.now() + timedelta(seconds=30)  # before all other tests' openings
        openings = (soon + timedelta(minutes=1), soon, soon - timedelta(hours=1))
        with products() as repository:
            for each in openings:
                terms = SaleTerms(visible_from=each)
                repository.add(replace(a_product(brand_id, uuid4()), terms=terms))
            archived = SaleTerms(visible_from=soon - timedelta(seconds=9), archived_at=NOW)
            repository.add(replace(a_product(brand_id, uuid4()), terms=archived))
        with products() as repository:
            assert repository.next_opening() == soon

    def test_what_is_not_on_sale_is_not_sold(
        self, products: Opened[ProductRepository], brand_id: UUID
    ) -> None:
        now, hour = clock.now(), timedelta(hours=1)
        for is_sold, terms in (
            (True, SaleTerms(sale_from=now - hour, sale_until=now + hour)),
            (False, SaleTerms(sale_from=now + hour)),
            (False, SaleTerms(sale_until=now - hour)),
            (False, SaleTerms(sale_until=now + hour, archived_at=now)),
            (False, SaleTerms(sale_until=now + hour, visible_from=now + hour)),
        ):
            id_ = uuid4()
            with products() as repository:
                repository.add(replace(a_product(brand_id, id_), terms=terms))
            with products() as repository:
                repository.move_stock(
                    [Move(id_, 3)], Cause(reason=MovementReason.COUNTED, by="system")
                )
            with nullcontext() if is_sold else pytest.raises(OutOfStock), products() as repository:
                repository.sell(
                    {id_: 1},
                    {id_: Stock(id_, 3)},
                    Cause(reason=MovementReason.SOLD, by="system", order_id=uuid4()),
                    windowed=[id_],
                    on_out_of_stock=refuse,
                )
            assert stocks(products, id_) == [2 if is_sold else 3]


class TestOrders:
    def test_a_stored_order_is_read_back_unchanged(self, orders: Opened[OrderRepository]) -> None:
        order = an_order(uuid4(), uuid4(), lines=3)
        with orders() as repository:
            repository.add(order)
        with orders() as repository:
            assert repository.find(order.id) == replace(order, events=[])
            assert repository.find(uuid4()) is None

    def test_every_status_and_field_is_read_back(self, orders: Opened[OrderRepository]) -> None:
        order = replace(
            an_order(uuid4(), uuid4()),
            expires_at=NOW + timedelta(minutes=15),
            discount=Money(30),
            issued_coupon_id=uuid4(),
            points_used=Money(70),
            version=7,
        )
        with orders() as repository:
            repository.add(order)
        with orders() as repository:
            assert repository.find(order.id) == replace(order, events=[])

    def test_a_buyers_orders_come_newest_first_with_their_lines(
        self, orders: Opened[OrderRepository]
    ) -> None:
        buyer_id, ids = uuid4(), some_ids(4)
        mine = [an_order(id_, buyer_id, lines=2) for id_ in ids[:3]]
        theirs = an_order(ids[3], uuid4())
        with orders() as repository:
            for order in (mine[1], theirs, mine[0], mine[2]):
                repository.add(order)
        shown = [replace(order, events=[]) for order in mine]
        last = UUID(int=2**128 - 1)
        with orders() as repository:
            assert repository.newest_of(buyer_id, last, 10) == shown[::-1]
            assert repository.newest_of(buyer_id, last, 2) == [shown[2], shown[1]]
            assert repository.newest_of(buyer_id, ids[2], 10) == [shown[1], shown[0]]
            assert repository.newest_of(buyer_id, ids[0], 10) == []
            assert repository.newest_of(uuid4(), last, 10) == []

    def test_expired_orders_are_claimed_one_by_one(self, orders: Opened[OrderRepository]) -> None:
        first, second, third = some_ids(3)
        long_ago = datetime(1980, 1, 1, tzinfo=UTC)  # before all other tests' orders
        with orders() as repository:
            for id_, seconds in ((second, 1), (third, 2), (first, 1)):
                repository.add(
                    Order.awaiting_card(
                        id_=id_,
                        buyer_id=uuid4(),
                        lines=an_order(id_, uuid4()).lines,
                        points=Money(0),
                        at=NOW,
                        expires_at=long_ago + timedelta(seconds=seconds),
                    )
                )
        seen: list[UUID] = []
        after: tuple[datetime, UUID] | None = None
        now = long_ago + timedelta(seconds=1)
        for _ in range(5):
            with orders() as repository:
                order = repository.lock_next_expired(now, after)
            if order is None or order.expires_at is None:
                break
            assert len(order.lines) == 1
            seen.append(order.id)
            after = (order.expires_at, order.id)
        assert seen == [first, second]
        with orders() as repository:
            cancelled = repository.lock(first)
            assert cancelled is not None
            cancelled.expire(at=NOW)
            repository.save(cancelled)
        with orders() as repository:
            found = repository.lock_next_expired(now, None)
        assert found is not None
        assert found.id == second

    def test_a_status_change_is_saved_unchanged(self, orders: Opened[OrderRepository]) -> None:
        order = an_order(uuid4(), uuid4(), lines=2)
        with orders() as repository:
            repository.add(order)
        for take in (ship, deliver):
            with orders() as repository:
                locked = repository.lock(order.id)
                assert locked is not None
                take(locked)
                repository.save(locked)
            with orders() as repository:
                kept = repository.find(order.id)
                assert kept == replace(locked, events=[])
        assert kept is not None
        assert [step.status for step in kept.history] == ["CONFIRMED", "SHIPPED", "DELIVERED"]

    def test_an_unknown_order_is_not_locked(self, orders: Opened[OrderRepository]) -> None:
        with orders() as repository:
            assert repository.lock(uuid4()) is None

    def test_a_status_change_of_a_stale_order_is_not_saved(
        self, orders: Opened[OrderRepository]
    ) -> None:
        order = an_order(uuid4(), uuid4())
        with orders() as repository:
            repository.add(order)
        with orders() as repository:
            outdated = repository.find(order.id)
            current = repository.lock(order.id)
            assert outdated is not None
            assert current is not None
            ship(current)
            repository.save(current)
        outdated.cancel(at=NOW, by="user:somebody", reason="Too late")
        with pytest.raises(Contention), orders() as repository:
            repository.save(outdated)
        with orders() as repository:
            assert repository.find(order.id) == replace(current, events=[])

    def test_another_address_is_saved_with_its_version_and_event(
        self, orders: Opened[OrderRepository]
    ) -> None:
        order = an_order(uuid4(), uuid4())
        order.ship_to = AN_ADDRESS
        elsewhere = AN_ADDRESS.model_copy(update={"line1": "2 Mesa \N{ANCHOR}", "city": None})
        with orders() as repository:
            repository.add(order)
        with orders() as repository:
            found = repository.lock(order.id)
            assert found is not None
            assert found.ship_to == AN_ADDRESS
            found.change_address(AN_ADDRESS, at=NOW)
            repository.save_address(found)
            assert found.events == []
            found.change_address(elsewhere, at=NOW)
            repository.save_address(found)
        with orders() as repository:
            assert repository.find(order.id) == replace(found, events=[])
            assert (found.ship_to, found.delivery_version) == (elsewhere, found.version)

    def test_a_return_is_stored_with_what_becomes_of_it(
        self, orders: Opened[OrderRepository]
    ) -> None:
        order = delivered(an_order(uuid4(), uuid4(), lines=2))
        ids = some_ids(2)
        with orders() as repository:
            repository.add(order)
            assert repository.order_of_return(ids[0]) is None
        for change in (
            lambda each: request_return(each, ids[0]),
            lambda each: request_return(each, ids[1]),
            lambda each: receive_return(each, ids[0]),
            lambda each: each.reject_return(ids[1], at=NOW, by="admin:x", reason="Worn"),
        ):
            with orders() as repository:
                locked = repository.lock(order.id)
                assert locked is not None
                change(locked)
                repository.save(locked)
            with orders() as repository:
                kept = repository.find(order.id)
                assert kept == replace(
                    locked, events=[], freed=(), refund=None, changed_return=None
                )
                assert repository.newest_of(order.buyer_id, UUID(int=2**128 - 1), 9) == [kept]
                assert repository.order_of_return(ids[0]) == order.id
        assert kept is not None
        assert [each.status for each in kept.returns] == ["RECEIVED", "REJECTED"]
        assert kept.returns[0].refund_id == kept.refunds[0].id

    def test_an_order_with_units_on_their_way_back_is_open(
        self, orders: Opened[OrderRepository]
    ) -> None:
        order, return_id = delivered(an_order(uuid4(), uuid4(), lines=2)), clock.new_id()
        with orders() as repository:
            repository.add(order)
        found = []
        for change in (
            lambda each: request_return(each, return_id),
            lambda each: each.withdraw_return(return_id, at=NOW, by="user:x"),
        ):
            with orders() as repository:
                locked = repository.lock(order.id)
                assert locked is not None
                change(locked)
                repository.save(locked)
            with orders() as repository:
                found.append(repository.open_of(order.buyer_id))
        assert found == [[order.id], []]

    def test_the_reasons_of_a_buyers_returns_are_forgotten(
        self, orders: Opened[OrderRepository]
    ) -> None:
        buyer_id, other_id = uuid4(), uuid4()
        made = [delivered(an_order(id_, buyer_id)) for id_ in some_ids(1)]
        made += [delivered(an_order(id_, other_id)) for id_ in some_ids(1)]
        for order in made:
            with orders() as repository:
                repository.add(order)
            with orders() as repository:
                locked = repository.lock(order.id)
                assert locked is not None
                request_return(locked, clock.new_id())
                repository.save(locked)
        with orders() as repository:
            repository.forget_reasons(buyer_id, "Forgotten")
        with orders() as repository:
            kept = [repository.find(order.id) for order in made]
        reasons = [each.returns[0].lines[0].reason for each in kept if each]
        assert reasons == ["Forgotten", "Too small \N{ANCHOR}"]

    def test_units_count_in_every_order_that_is_not_cancelled(
        self, orders: Opened[OrderRepository]
    ) -> None:
        buyer_id, ids = uuid4(), some_ids(3)
        mine = [an_order(ids[0], buyer_id, lines=2), an_order(ids[1], buyer_id)]
        product, other = (line.product_id for line in mine[0].lines)
        mine[1] = replace(mine[1], lines=(replace(mine[1].lines[0], product_id=other),))
        with orders() as repository:
            for order in (*mine, replace(mine[0], id=ids[2], buyer_id=uuid4())):
                repository.add(order)
        with orders() as repository:
            assert repository.units_of(buyer_id, [product, other, uuid4()]) == {
                product: 1,
                other: 3,
            }
            cancel_order(repository, mine[0].id)
        with orders() as repository:
            assert repository.units_of(buyer_id, [product, other]) == {other: 1}

    @pytest.mark.parametrize("limit", [2, 3])
    def test_a_purchase_beyond_the_limit_is_not_stored(
        self, orders: Opened[OrderRepository], limit: int
    ) -> None:
        buyer_id = uuid4()
        first, second = (an_order(id_, buyer_id) for id_ in some_ids(2))
        product_id = first.lines[0].product_id
        with orders() as repository:
            repository.add(first)
        purchases = [
            LimitedPurchase(uuid4(), 1, 1),
            LimitedPurchase(product_id, requested=2, limit=limit),
        ]
        with suppress(OrderNotFound), orders() as repository:
            repository.require_purchase_limits(
                buyer_id, purchases, on_exceeded=lambda: OrderNotFound()
            )
            repository.add(second)
        with orders() as repository:
            assert (repository.find(second.id) is not None) is (limit == 3)

    def test_an_unpaid_order_beyond_the_limit_is_not_stored(
        self, orders: Opened[OrderRepository]
    ) -> None:
        buyer_id = uuid4()
        first, second, third = (unpaid(id_, buyer_id) for id_ in some_ids(3))
        refused = False
        for order in (first, second, third):
            try:
                with orders() as repository:
                    require_may_hold(repository, buyer_id, HoldLimits(unpaid_orders=2))
                    repository.add(order)
            except OrderNotFound:
                refused = True
        assert refused
        with orders() as repository:
            assert repository.find(third.id) is None
            assert repository.count_unpaid(buyer_id) == 2
            assert repository.count_unpaid(uuid4()) == 0

    @pytest.mark.parametrize(
        ("ends", "lapses", "last"),
        [
            ([], 1, None),
            ([0], 1, 0),
            ([0, 59], 2, 59),
            ([0, 60], 2, None),
            ([0, 20, 40], 3, 40),
            ([0, 20, 60], 3, None),
            ([0, 30, 59, 200], 3, 59),
        ],
    )
    def test_the_last_lapse_is_that_of_so_many_within_an_hour(
        self, orders: Opened[OrderRepository], ends: list[int], lapses: int, last: int | None
    ) -> None:
        buyer_id, now = uuid4(), clock.now()
        begin = now - timedelta(hours=4)
        with orders() as repository:
            repository.add(an_order(clock.new_id(), buyer_id))  # and no lapse of its own
        for minute in ends:
            order = unpaid(clock.new_id(), buyer_id)
            with orders() as repository:
                repository.add(order)
            with orders() as repository:
                cancel_order(repository, order.id, at=begin + timedelta(minutes=minute))
        with orders() as repository:
            found = repository.last_lapse(buyer_id, lapses, now)
        assert found == (None if last is None else begin + timedelta(minutes=last))
        limits = HoldLimits(lapses=lapses)
        for minutes, refuses in ((59, True), (60, False)) if found is not None else ():
            at = begin + timedelta(minutes=(last or 0) + minutes)
            with pytest.raises(OrderNotFound) if refuses else nullcontext(), orders() as repository:
                require_may_hold(repository, buyer_id, limits, at)

    def test_open_orders_are_those_that_have_not_ended(
        self, orders: Opened[OrderRepository]
    ) -> None:
        buyer_id = uuid4()
        ids = [clock.new_id() for _ in range(5)]
        with orders() as repository:
            repository.add(unpaid(ids[0], buyer_id))
            for id_ in ids[1:]:
                repository.add(an_order(id_, buyer_id))
        change: Callable[[Order], None]
        for number, change in (
            (1, lambda order: order.cancel(at=NOW, by="admin:a", reason="Lost")),
            (2, lambda order: order.ship(at=NOW, by="admin:a", reason="", tracking=Tracking())),
            (3, lambda order: order.ship(at=NOW, by="admin:a", reason="", tracking=Tracking())),
            (3, lambda order: order.deliver(at=NOW, by="admin:a", reason="")),
        ):
            with orders() as repository:
                order = repository.lock(ids[number])
                assert order is not None
                change(order)
                repository.save(order)
        with orders() as repository:
            assert repository.open_of(buyer_id) == [ids[0], ids[2], ids[4]]
            assert repository.open_of(uuid4()) == []

    def test_only_the_words_of_a_buyer_are_forgotten(self, orders: Opened[OrderRepository]) -> None:
        buyer_id, other = uuid4(), uuid4()
        made = [an_order(clock.new_id(), owner) for owner in (buyer_id, buyer_id, other)]
        for order, by in zip(made, (f"user:{buyer_id}", "admin:a", f"user:{other}"), strict=True):
            with orders() as repository:
                repository.add(order)
            with orders() as repository:
                cancel_order(repository, order.id, by=by)
        with orders() as repository:
            repository.forget_reasons(buyer_id, "Forgotten")
        with orders() as repository:
            found = [repository.find(each.id) for each in made]
            reasons = [[entry.reason for entry in each.history] for each in found if each]
        paid = "Paid by points"
        assert reasons == [
            [paid, "Forgotten"], [paid, "No longer wanted"], [paid, "No longer wanted"],
        ]  # fmt: skip

    def test_what_an_admin_or_a_paid_order_ends_is_no_lapse(
        self, orders: Opened[OrderRepository]
    ) -> None:
        buyer_id = uuid4()
        paid, by_admin = an_order(clock.new_id(), buyer_id), unpaid(clock.new_id(), buyer_id)
        with orders() as repository:
            repository.add(paid)
            repository.add(by_admin)
        with orders() as repository:
            cancel_order(repository, paid.id)
        with orders() as repository:
            cancel_order(repository, by_admin.id, by="admin:somebody")
        with orders() as repository:
            assert repository.last_lapse(buyer_id, 1, clock.now()) is None


class TestShipments:
    def test_a_new_account_is_empty(self, shipments: Opened[ShipmentRepository]) -> None:
        order_id = uuid4()
        for _ in range(2):
            with shipments() as repository:
                assert repository.lock_or_open(order_id) == Shipment(order_id)

    def test_a_saved_shipment_with_its_notices_is_read_back(
        self, shipments: Opened[ShipmentRepository]
    ) -> None:
        order_id, later = uuid4(), NOW + timedelta(hours=1)
        content = ToDeliver(3, (NoticeLine(uuid4(), "Anvil \N{ANCHOR}", 2),), AN_ADDRESS)
        notice = ShipmentNotice(order_id, NoticeKind.ORDER, content)
        with shipments() as repository:
            shipment = repository.lock_or_open(order_id)
            shipment.begin(NOW, lambda: content)
            repository.save(shipment)
        for at in (later, later + timedelta(hours=1)):
            with shipments() as repository:
                repository.add_notice(order_id, NoticeKind.ORDER, at)
        with shipments() as repository:
            shipment = repository.lock_or_open(order_id)
            assert shipment == Shipment(order_id, NOW, None, {NoticeKind.ORDER}, 0, notice)
            shipment.cancel(later)
            assert shipment.mark_sent(notice)
            repository.save(shipment)
        with shipments() as repository:
            kept = Shipment(order_id, NOW, later, {NoticeKind.ORDER}, 3)
            assert repository.lock_or_open(order_id) == kept
            other_id = uuid4()
            assert repository.lock_or_open(other_id) == Shipment(other_id)

    def test_of_several_updates_the_last_time_is_kept(
        self, shipments: Opened[ShipmentRepository]
    ) -> None:
        order_id, later = uuid4(), NOW + timedelta(hours=1)
        for kind, at in (
            (NoticeKind.ORDER, NOW),
            (NoticeKind.UPDATE, NOW),
            (NoticeKind.UPDATE, later),
            (NoticeKind.ORDER, later),
        ):
            with shipments() as repository:
                repository.add_notice(order_id, kind, at)
        with shipments() as repository:
            expected = [(NoticeKind.ORDER, NOW), (NoticeKind.UPDATE, later)]
            assert repository.notices_of(order_id) == expected


class TestPoints:
    def test_a_user_without_charges_has_an_empty_account(
        self, points: Opened[PointRepository]
    ) -> None:
        user_id = uuid4()
        with points() as repository:
            assert repository.find(user_id) == PointAccount.empty(user_id)
            assert repository.statement(user_id, 20) == (PointAccount.empty(user_id), [])

    def test_credits_and_debits_change_balance_and_ledger_alike(
        self, points: Opened[PointRepository]
    ) -> None:
        user_id = uuid4()
        entries = [an_entry(user_id, amount) for amount in (100, 50, -70)]
        with points() as repository:
            assert repository.lock_or_open(user_id) == PointAccount(user_id, Money(0), 0)
            repository.credit(entries[0])
        with points() as repository:
            assert repository.lock_or_open(user_id) == PointAccount(user_id, Money(100), 1)
            repository.credit(entries[1])
        with points() as repository:
            repository.debit(entries[2], on_shortage=refuse)
        account = PointAccount(user_id, Money(80), 3)
        with points() as repository:
            assert repository.find(user_id) == account
            stored = [
                replace(entry, position=number, balance_after=Money(balance))
                for number, (entry, balance) in enumerate(
                    zip(entries, (100, 150, 80), strict=True), start=1
                )
            ]
            assert repository.statement(user_id, 20) == (account, stored[::-1])
            assert repository.statement(user_id, 2) == (account, stored[:0:-1])
            before = stored[1].position, stored[1].id
            assert repository.statement(user_id, 20, before) == (account, stored[:1])

    def test_charges_are_kept_and_summed_alike(self, points: Opened[PointRepository]) -> None:
        user_id, now = uuid4(), clock.now()
        charges = [
            Charge(id=clock.new_id(), user_id=user_id, amount=Money(amount), requested_at=at)
            for amount, at in ((1, now - timedelta(days=1)), (20, now), (300, now), (4000, now))
        ]
        with points() as repository:
            for each in charges:
                repository.add_charge(each)
        with points() as repository:
            for each, status in zip(
                charges[1:3], (ChargeStatus.CREDITED, ChargeStatus.FAILED), strict=True
            ):
                locked = repository.lock_charge(each.id)
                assert locked == each
                assert locked.end(status)
                repository.save_charge(locked)
        with points() as repository:
            newest = [each.id for each in charges[::-1]]
            last = UUID(int=2**128 - 1)
            assert [each.id for each in repository.charges_of(user_id, last, 9)] == newest
            assert [each.id for each in repository.charges_of(user_id, newest[1], 1)] == newest[2:3]
            assert repository.charges_of(uuid4(), last, 9) == []
            assert repository.pending_of(user_id) == [charges[0].id, charges[3].id]
        with points() as repository:
            _, charged = repository.lock_to_charge(user_id, now)
            assert charged == Charged(today=4020, pending=4001)
            _, charged = repository.lock_to_charge(uuid4(), now)
            assert charged == Charged(today=0, pending=0)
            assert repository.find_charge(charges[0].id) == charges[0]
            assert repository.find_charge(uuid4()) is None
            credited = repository.find_charge(charges[1].id)
        assert (credited and credited.status, credited and credited.version) == ("CREDITED", 2)
        assert charges[1].end(ChargeStatus.FAILED)  # as it was before
        with pytest.raises(Contention), points() as repository:
            repository.save_charge(charges[1])

    @pytest.mark.parametrize("balance", [0, 99])
    def test_more_than_is_available_moves_nothing(
        self, points: Opened[PointRepository], balance: int
    ) -> None:
        user_id = uuid4()
        with points() as repository:
            repository.lock_or_open(user_id)
            if balance:
                repository.credit(an_entry(user_id, balance))
        for explain, error in ((refuse, OutOfStock), (find_nothing_wrong, Contention)):
            with pytest.raises(error), points() as repository:
                repository.debit(an_entry(user_id, -100), on_shortage=explain)
        with points() as repository:
            account, entries = repository.statement(user_id, 20)
        assert (account.balance.amount, len(entries)) == (balance, bool(balance))

    def test_a_user_without_an_account_is_not_credited(
        self, points: Opened[PointRepository]
    ) -> None:
        user_id = uuid4()
        with pytest.raises(ConstraintViolated, match="point_account_open"), points() as repository:
            repository.credit(an_entry(user_id, 1))
        with points() as repository:
            assert repository.statement(user_id, 20) == (PointAccount.empty(user_id), [])


class TestUsers:
    def test_a_user_is_found_by_login_id_in_any_case(self, users: Opened[UserRepository]) -> None:
        user = a_user()
        with users() as repository:
            repository.add(user)
        with users() as repository:
            for login_id in (user.login_id, user.login_id.upper(), user.login_id.lower()):
                assert repository.find_login(login_id, []) == (user, [])
            assert repository.find(user.id) == user
            assert repository.find(uuid4()) is None
            assert repository.find_login("nobody" + user.login_id, []) == (None, [])

    def test_an_account_is_known_to_drops_by_address_and_age(
        self, users: Opened[UserRepository]
    ) -> None:
        user, before = a_user(), clock.now()
        with users() as repository:
            repository.add(user)
        with users() as repository:
            entrant = repository.entrant(user.id)
            assert entrant is not None
            assert (entrant.email, entrant.is_staff) == (user.email, True)
            assert before <= entrant.created_at <= clock.now()
            assert repository.entrant(uuid4()) is None

    def test_a_login_id_is_taken_once(self, users: Opened[UserRepository]) -> None:
        user = a_user()
        with users() as repository:
            repository.add(user)
        other = replace(a_user(), login_id=user.login_id.swapcase())
        with pytest.raises(LoginIdTaken), users() as repository:
            repository.add(other)
        with users() as repository:
            assert repository.find(other.id) is None
            assert repository.find_login(user.login_id, [])[0] == user

    def test_an_edit_of_what_was_read_is_stored(self, users: Opened[UserRepository]) -> None:
        user = stored(users)
        edited = replace(user, name="Wile", email="wile@example.org", version=user.version + 1)
        with users() as repository:
            repository.save(edited, on_stale=StaleVersion)
        with users() as repository:
            assert repository.find(user.id) == edited
        for explain, error in ((StaleVersion, StaleVersion), (find_nothing_wrong, Contention)):
            with pytest.raises(error), users() as repository:
                repository.save(replace(edited, name="Roadrunner"), on_stale=explain)
        with users() as repository:
            assert repository.find(user.id) == edited

    def test_an_address_is_claimed_by_one_user(self, users: Opened[UserRepository]) -> None:
        first, second = stored(users), stored(users)
        first.email = f"{first.login_id}@example.com"
        second.email = first.email.upper()
        with users() as repository:
            repository.claim_email(first)
            repository.claim_email(first)
        with pytest.raises(EmailTaken), users() as repository:
            repository.claim_email(second)
        first.email = f"new.{first.email}"
        with users() as repository:
            repository.claim_email(first)
        with users() as repository:
            repository.claim_email(second)

    def test_attempts_are_counted_whether_the_user_exists_or_not(
        self, users: Opened[UserRepository]
    ) -> None:
        login_id = a_user().login_id
        first, second = (
            Counter(kind, f"{kind} {uuid4()}") for kind in (Kind.NETWORK, Kind.ADDRESS)
        )
        kept = Attempts(first, failures=7, blocked_until=NOW)
        with users() as repository:
            assert repository.lock_attempts([second, first]) == [Attempts(second), Attempts(first)]
            repository.save_attempts([kept])
        with users() as repository:
            assert repository.find_login(login_id, [first, second]) == (
                None,
                [kept, Attempts(second)],
            )
            assert repository.lock_attempts([second, first]) == [Attempts(second), kept]
            assert repository.read_attempts([first, second]) == [kept, Attempts(second)]


class TestSessions:
    def test_a_session_is_found_by_its_user_only(
        self, users: Opened[UserRepository], sessions: Opened[SessionRepository]
    ) -> None:
        session = a_session(stored(users))
        with sessions() as repository:
            repository.add(session)
        with sessions() as repository:
            assert repository.lock(session.id, session.user_id) == session
            assert repository.lock(session.id, uuid4()) is None
            assert repository.of_user(session.user_id) == [session]
            repository.end(session.id, uuid4())
        session.refresh(0, 7, clock.now())
        with sessions() as repository:
            repository.save(session)
        with sessions() as repository:
            assert repository.lock(session.id, session.user_id) == session
            repository.end(session.id, session.user_id)
        with sessions() as repository:
            assert repository.of_user(session.user_id) == []

    def test_sessions_are_listed_by_last_use_without_expired_ones(
        self, users: Opened[UserRepository], sessions: Opened[SessionRepository]
    ) -> None:
        user = stored(users)
        kept = [a_session(user, minutes) for minutes in (3, 1, 2)]
        expired = a_session(user, minutes=31 * 24 * 60)
        with sessions() as repository:
            for each in (*kept, expired):
                repository.add(each)
        with sessions() as repository:
            assert repository.of_user(user.id) == [kept[1], kept[2], kept[0]]
            repository.end_oldest(user.id, kept=2)
        with sessions() as repository:
            assert repository.of_user(user.id) == [kept[1], kept[2]]
            assert repository.lock(expired.id, user.id) is None

    def test_all_sessions_of_one_user_end_but_the_one_to_keep(
        self, users: Opened[UserRepository], sessions: Opened[SessionRepository]
    ) -> None:
        user, other = stored(users), stored(users)
        mine, others = [a_session(user) for _ in range(3)], a_session(other)
        with sessions() as repository:
            for each in (*mine, others):
                repository.add(each)
        with sessions() as repository:
            repository.renew_tokens(user.id, 5)
            repository.end_all(user.id, but=mine[1].id)
        with sessions() as repository:
            assert [(each.id, each.epoch) for each in repository.of_user(user.id)] == [
                (mine[1].id, 5)
            ]
            assert repository.of_user(other.id) == [others]
            repository.end_all(user.id)
        with sessions() as repository:
            assert repository.of_user(user.id) == []


def stored(users: Opened[UserRepository]) -> User:
    user = a_user()
    with users() as repository:
        repository.add(user)
    return user


def a_session(user: User, minutes: int = 0) -> Session:
    """A session that was opened so many minutes ago."""
    at = clock.now() - timedelta(minutes=minutes)
    return Session.opened(clock.new_id(), user.id, user.epoch, "curl \N{ANCHOR}", at)


def a_product(
    brand_id: UUID, id_: UUID, *, price: Money | None = None, like_count: int = 0
) -> Product:
    return Product(
        id=id_,
        brand_id=brand_id,
        name="Anvil \N{ANCHOR} 'x' \\ $1",
        description="It falls\ndown.",
        price=price or Money(100),
        like_count=like_count,
        version=1,
        created_at=NOW,
        stock=Stock(id_, 0),
        is_sold_out=True,
    )


def summary_of(product: Product) -> ProductSummary:
    return ProductSummary(
        **{each.name: getattr(product, each.name) for each in fields(ProductSummary)}
    )


def place_of(product: Product, sort: Sort) -> list[int | str | UUID]:
    if sort is Sort.LATEST:
        return [product.id]
    return [
        product.price.amount if sort is Sort.PRICE_ASC else product.like_count,
        product.id,
    ]


def kept_products(
    products: Opened[ProductRepository], brand_id: UUID, *quantities: int
) -> list[UUID]:
    ids = [uuid4() for _ in quantities]
    with products() as repository:
        for id_ in ids:
            repository.add(a_product(brand_id, id_))
    for id_, quantity in zip(ids, quantities, strict=True):
        if quantity:
            with products() as repository:
                repository.move_stock([Move(id_, quantity, quantity)], COUNTED)
    return ids


def sold(order_id: UUID) -> Cause:
    return Cause(reason=MovementReason.SOLD, by="a buyer", order_id=order_id)


def stocks(products: Opened[ProductRepository], *ids: UUID) -> list[int]:
    with products() as repository:
        found = repository.find_all(ids)
    return [found[id_].stock.quantity for id_ in ids]


def an_order(id_: UUID, buyer_id: UUID, *, lines: int = 1) -> Order:
    return Order.paid_by_points(
        id_=id_,
        buyer_id=buyer_id,
        lines=[
            OrderLine(
                product_id=uuid4(),
                product_name=f"Anvil {number} \N{ANCHOR} '\"\\",
                brand_id=uuid4(),
                brand_name="Acme",
                unit_price=Money(100 + number),
                quantity=number + 1,
            )
            for number in range(lines)
        ],
        at=NOW,
    )


def unpaid(id_: UUID, buyer_id: UUID) -> Order:
    return Order.awaiting_card(
        id_=id_,
        buyer_id=buyer_id,
        lines=an_order(id_, buyer_id).lines,
        points=Money(0),
        at=NOW,
        expires_at=NOW,
    )


def cancel_order(
    repository: OrderRepository, id_: UUID, *, at: datetime = NOW, by: str = "user:somebody"
) -> None:
    order = repository.lock(id_)
    assert order is not None
    order.cancel(at=at, by=by, reason="No longer wanted")
    repository.save(order)


def require_may_hold(
    repository: OrderRepository, buyer_id: UUID, limits: HoldLimits, at: datetime | None = None
) -> None:
    repository.require_may_hold(
        buyer_id,
        limits,
        at or clock.now(),
        on_too_many=lambda: OrderNotFound(),
        on_cooldown=lambda: OrderNotFound(),
    )


def ship(order: Order) -> None:
    order.ship(Tracking("CJ", "12-34"), at=NOW, by="admin:somebody", reason="Gone \N{ANCHOR}")


def deliver(order: Order) -> None:
    order.deliver(at=NOW + timedelta(days=1), by="admin:somebody", reason="There")


def delivered(order: Order) -> Order:
    """Ship and deliver a new order; its events are not recorded."""
    ship(order)
    deliver(order)
    order.events, order.version = [], 0
    return order


def request_return(order: Order, id_: UUID) -> None:
    units = {str(order.lines[0].product_id): (1, "Too small \N{ANCHOR}")}
    if order.returns:
        units = {str(order.lines[1].product_id): (2, "Too large")}
    window = timedelta(days=30)
    order.request_return(id_, units, within=window, at=NOW + timedelta(days=2), by="user:x")


def receive_return(order: Order, id_: UUID) -> None:
    units = {str(order.lines[0].product_id): ReceivedUnits(1, restock=True)}
    order.receive_return(id_, units, at=NOW + timedelta(days=3), by="admin:x")


def an_entry(user_id: UUID, amount: int) -> LedgerEntry:
    return LedgerEntry(
        id=clock.new_id(),
        user_id=user_id,
        amount=Money(amount),
        reason="TESTED",
        order_id=uuid4() if amount < 0 else None,
        at=NOW,
    )


def a_user() -> User:
    return User(
        id=uuid4(),
        login_id="U" + secrets.token_hex(8),
        password_hash="$argon2id$",
        name="Wile E. \N{ANCHOR}",
        email="wile@example.com",
        birth_date=date(1999, 12, 31),
        gender="OTHER",
        scopes=frozenset({"admin", "more"}),
        version=1,
    )
