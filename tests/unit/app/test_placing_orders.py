"""Orders are placed all or nothing, and shown to their buyers only."""

from collections import namedtuple
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce.app.ordering import place_order
from commerce.app.products import register_product
from commerce.app.shop import Shop
from commerce.brand import BrandFacade, RegisterBrand
from commerce.coupon import CouponFacade
from commerce.order import (
    NotYourOrder,
    OrderConfirmed,
    OrderFacade,
    OrderNotFound,
    OrderPlaced,
    OrderTooLarge,
    OrderView,
    PlaceOrder,
)
from commerce.order.events import MAX_TOTAL
from commerce.point import ChargePoints, InsufficientPoints, PointFacade
from commerce.product import (
    OutOfStock,
    ProductFacade,
    ProductNotFound,
    RegisterProduct,
    SetStock,
    StockFacade,
)
from commerce.product.sale_terms import SaleTerms
from commerce.runtime.db.pipeline import Query, Row
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared import clock
from commerce.shared.cursor import InvalidCursor
from commerce.shared.errors import CommerceError
from tests.support.fake_database import FakeDatabase
from tests.support.memory.brand import MemoryBrandNames, MemoryBrandRepository
from tests.support.memory.coupon import MemoryCouponRepository
from tests.support.memory.drop import no_drops
from tests.support.memory.order import MemoryOrderRepository
from tests.support.memory.point import MemoryPointRepository
from tests.support.memory.product import MemoryProductRepository


@dataclass
class MemoryShop(Shop):
    """Every context that an order touches, in memory."""

    order_rows: MemoryOrderRepository = field(default_factory=MemoryOrderRepository)
    product_rows: MemoryProductRepository = field(default_factory=MemoryProductRepository)
    point_rows: MemoryPointRepository = field(default_factory=MemoryPointRepository)
    coupon_rows: MemoryCouponRepository = field(default_factory=MemoryCouponRepository)

    def __post_init__(self) -> None:
        self.brands = BrandFacade(MemoryBrandRepository())
        self.products = ProductFacade(self.product_rows)
        self.brand_names = MemoryBrandNames(self.product_rows, self.brands)
        self.stock = StockFacade(self.product_rows)
        self.points = PointFacade(self.point_rows)
        self.coupons = CouponFacade(self.coupon_rows)
        self.orders = OrderFacade(self.order_rows)
        self.drops = no_drops()
        self.brand_id = self.brands.register(RegisterBrand(name="Acme")).brand_id

    def a_product(self, stock: int = 5, price: int = 100, name: str = "Anvil") -> str:
        command = RegisterProduct(brand_id=self.brand_id, name=name, price_amount=price)
        id_ = register_product(self, command).product_id
        self.stock.set(id_, SetStock(quantity=stock))
        return id_

    def a_buyer(self, points: int = 0) -> UUID:
        user_id = uuid4()
        if points:
            self.points.charge(ChargePoints(amount=points), user_id=user_id)
        return user_id

    def place(self, buyer_id: UUID, *lines: tuple[str, int]) -> OrderView:
        return place_order(self, wanted(*lines), buyer_id=buyer_id)

    def state(self, buyer_id: UUID, *product_ids: str) -> tuple[Any, ...]:
        """Everything that an order could have moved."""
        return (
            [self.products.get(id_).stock.quantity for id_ in product_ids],
            list(self.product_rows.moved),
            self.points.balance(buyer_id),
            self.orders.list(buyer_id=buyer_id, limit=100, after=None),
            list(self.order_rows.events),
        )


@pytest.fixture
def shop() -> MemoryShop:
    return MemoryShop()


def wanted(*lines: tuple[str, int]) -> PlaceOrder:
    body = [{"product_id": id_, "quantity": quantity} for id_, quantity in lines]
    return PlaceOrder.model_validate({"lines": body, "payment_method": "POINT"})


def krw(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "KRW"}


def test_an_order_takes_stock_and_points_and_is_confirmed(shop: MemoryShop) -> None:
    anvil, rope = shop.a_product(stock=5, price=100), shop.a_product(stock=3, price=7, name="Rope")
    buyer = shop.a_buyer(points=1000)

    view = shop.place(buyer, (rope, 3), (anvil.upper(), 2))

    shown = view.model_dump(mode="json")
    assert shown == {
        "order_id": view.order_id,
        "status": "CONFIRMED",
        "total": krw(221),
        "discount": krw(0),
        "points_used": krw(221),
        "card_amount": krw(0),
        "refunded": krw(0),
        "lines": [
            {
                "product_id": id_,
                "product_name": name,
                "brand_id": shop.brand_id,
                "brand_name": "Acme",
                "unit_price": krw(price),
                "quantity": quantity,
                "cancelled_quantity": 0,
                "returned_quantity": 0,
            }
            for id_, name, price, quantity in [(rope, "Rope", 7, 3), (anvil, "Anvil", 100, 2)]
        ],
        "placed_at": shown["placed_at"],
        "expires_at": None,
        "drop_entry_id": None,
        "ship_to": None,
    }
    assert [shop.products.get(id_).stock.quantity for id_ in (anvil, rope)] == [3, 0]
    assert shop.points.balance(buyer).balance.amount == 779
    assert [type(event) for event in shop.order_rows.events] == [OrderPlaced, OrderConfirmed]
    [order_id] = {event.aggregate_id for event in shop.order_rows.events}
    assert str(order_id) == view.order_id
    assert shop.product_rows.moved[-2:] == [
        (UUID(rope), -3, "SOLD", order_id),
        (UUID(anvil), -2, "SOLD", order_id),
    ]


def test_a_free_order_needs_no_points(shop: MemoryShop) -> None:
    product, buyer = shop.a_product(stock=1, price=0), shop.a_buyer()
    assert shop.place(buyer, (product, 1)).total.amount == 0
    assert shop.points.balance(buyer).entries == []
    assert shop.products.get(product).stock.quantity == 0


def test_exactly_enough_stock_and_points_suffice(shop: MemoryShop) -> None:
    product, buyer = shop.a_product(stock=2, price=50), shop.a_buyer(points=100)
    assert shop.place(buyer, (product, 2)).status == "CONFIRMED"
    assert shop.points.balance(buyer).balance.amount == 0
    assert shop.products.get(product).stock.quantity == 0


def refused_by(place: Callable[[], object]) -> CommerceError:
    with pytest.raises(CommerceError) as refused:
        place()
    return refused.value


def test_missing_products_are_all_named_and_nothing_moves(shop: MemoryShop) -> None:
    product, buyer = shop.a_product(), shop.a_buyer(points=1000)
    before, missing = shop.state(buyer, product), [str(uuid4()), "anvil"]
    refusal = refused_by(lambda: shop.place(buyer, (missing[0], 1), (product, 1), (missing[1], 1)))
    assert isinstance(refusal, ProductNotFound)
    assert refusal.errors == [{"product_id": id_} for id_ in missing]
    assert shop.state(buyer, product) == before


def test_short_lines_are_all_named_and_nothing_moves(shop: MemoryShop) -> None:
    one, other, third = (shop.a_product(stock=stock) for stock in (1, 5, 0))
    buyer = shop.a_buyer(points=1000)
    before = shop.state(buyer, one, other, third)
    refusal = refused_by(lambda: shop.place(buyer, (one, 2), (other, 5), (third, 1)))
    assert isinstance(refusal, OutOfStock)
    assert refusal.errors == [
        {"product_id": one, "requested": 2, "available": 1},
        {"product_id": third, "requested": 1, "available": 0},
    ]
    assert shop.state(buyer, one, other, third) == before


@pytest.mark.parametrize("points", [0, 99])
def test_too_few_points_are_refused_with_both_amounts(shop: MemoryShop, points: int) -> None:
    product, buyer = shop.a_product(price=100), shop.a_buyer(points)
    refusal = refused_by(lambda: shop.place(buyer, (product, 1)))
    assert isinstance(refusal, InsufficientPoints)
    assert refusal.errors == [{"required": 100, "available": points}]


def test_the_largest_order_is_refused_without_an_overflow(
    shop: MemoryShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_UNITS_PER_LINE", str(10**9))
    ids = [shop.a_product(stock=10**9, price=10**9) for _ in range(50)]
    buyer = shop.a_buyer(points=10**9)
    before = shop.state(buyer, *ids)
    refusal = refused_by(lambda: shop.place(buyer, *((id_, 10**9) for id_ in ids)))
    assert isinstance(refusal, OrderTooLarge)
    assert shop.state(buyer, *ids) == before


def test_an_order_total_is_limited_to_exact_json_numbers(
    shop: MemoryShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_UNITS_PER_LINE", str(10**9))
    product, buyer = shop.a_product(stock=10**9, price=10**9), shop.a_buyer(points=10**9)
    most = MAX_TOTAL // 10**9
    refusal = refused_by(lambda: shop.place(buyer, (product, most)))
    assert refusal.errors == [{"required": most * 10**9, "available": 10**9}]
    assert isinstance(refused_by(lambda: shop.place(buyer, (product, most + 1))), OrderTooLarge)


@given(st.data())
def test_only_confirmed_orders_take_stock_and_points(
    data: st.DataObject,
) -> None:
    shop = MemoryShop()
    stocks = data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=3))
    ids = [shop.a_product(stock=stock, price=10 + n) for n, stock in enumerate(stocks)]
    buyer = shop.a_buyer(points=10_000)  # points never run out: stock is what refuses
    paid = 0
    for lines in data.draw(
        st.lists(st.dictionaries(st.sampled_from(ids), st.integers(1, 3), min_size=1), max_size=6)
    ):
        before = shop.state(buyer, *ids)
        try:
            view = shop.place(buyer, *lines.items())
        except OutOfStock:
            assert shop.state(buyer, *ids) == before
        else:
            paid += view.total.amount
            assert view.total.amount == sum((10 + ids.index(i)) * q for i, q in lines.items())
    left = [shop.products.get(id_).stock.quantity for id_ in ids]
    orders = shop.orders.list(buyer_id=buyer, limit=100, after=None).items
    sold = [
        sum(line.quantity for order in orders for line in order.lines if line.product_id == id_)
        for id_ in ids
    ]
    assert [rest + gone for rest, gone in zip(left, sold, strict=True)] == stocks
    assert min(left) >= 0
    assert shop.points.balance(buyer).balance.amount == 10_000 - paid


class AnAnvil:
    """Answers of PostgreSQL about one product of 100, with 5 in stock."""

    def __init__(self, balance: int) -> None:
        self.id, self.brand_id = clock.new_id(), clock.new_id()
        self._balance = balance

    def rows(self, query: Query) -> list[Row]:
        tables = {
            "FROM product": {
                "id": self.id, "brand_id": self.brand_id, "name": "Anvil", "description": "",
                "price_amount": 100, "price_currency": "KRW", "like_count": 0, "version": 1,
                "created_at": clock.now(), "quantity": 5, "stock_version": 1, "stripes": [],
                "read_at": clock.now(), **asdict(SaleTerms()),
            },
            "FROM brand": {"id": self.brand_id, "name": "Acme", "description": "", "version": 1},
            "FROM point_account": {
                "user_id": UUID(int=1), "balance": self._balance, "currency": "KRW", "version": 1,
            },
        }  # fmt: skip
        return [row_of(values) for place, values in tables.items() if place in query.sql]


def row_of(values: dict[str, Any]) -> Row:
    make: Callable[..., Row] = namedtuple("Row", values)  # type: ignore[misc]
    return make(**values)


def place_on(database: FakeDatabase, product_id: UUID) -> None:
    with UnitOfWork(database) as uow:
        place_order(Shop(uow), wanted((str(product_id), 1)), buyer_id=UUID(int=1))
        uow.commit()


def test_an_order_is_written_in_one_round_trip_with_the_stock_last() -> None:
    anvil = AnAnvil(balance=100)
    database = FakeDatabase(anvil.rows)
    place_on(database, anvil.id)
    *reads, batch = database.sent
    [read] = reads
    assert len(read) == 3
    assert all(sql.startswith("SELECT") for sql in read)
    assert not any("FOR UPDATE" in read[0] for read in reads)
    tables = ["orders", "order_line", "order_history", "point_account", "point_account",
              "point_ledger", "outbox", "stock", "stock", "drop_lot"]  # fmt: skip
    assert [table in sql for table, sql in zip(tables, batch, strict=True)] == [True] * 10
    assert "FOR UPDATE" in batch[7]
    assert "UPDATE stock" in batch[8]


@pytest.mark.parametrize("balance", [0, 99])
def test_a_refusal_after_the_stock_was_decided_sends_no_write(balance: int) -> None:
    anvil = AnAnvil(balance=balance)
    database = FakeDatabase(anvil.rows)
    with pytest.raises(InsufficientPoints):
        place_on(database, anvil.id)
    assert all(sql.startswith("SELECT") for run in database.sent for sql in run)


def test_an_order_shows_names_and_prices_of_its_time(shop: MemoryShop) -> None:
    product, buyer = shop.a_product(price=100), shop.a_buyer(points=1000)
    order_id = shop.place(buyer, (product, 1)).order_id
    product_row = shop.product_rows._products[UUID(product)]
    product_row.name = "Renamed"
    [line] = shop.orders.get(order_id, buyer_id=buyer).lines
    assert (line.product_name, line.unit_price.amount) == ("Anvil", 100)


def test_an_order_is_shown_with_its_history(shop: MemoryShop) -> None:
    product, buyer = shop.a_product(), shop.a_buyer(points=1000)
    placed = shop.place(buyer, (product, 1))
    detail = shop.orders.get(placed.order_id.upper(), buyer_id=buyer).model_dump(mode="json")
    assert detail == {
        **placed.model_dump(mode="json"),
        "shipment": None,
        "refunds": [],
        "returns": [],
        "history": [
            {
                "status": "CONFIRMED",
                "at": detail["placed_at"],
                "by": f"user:{buyer}",
                "reason": "Paid by points",
            }
        ],
    }


@pytest.mark.parametrize("order_id", ["018f0000-0000-7000-8000-0000deadbeef", "1", "", "\x00"])
def test_an_unknown_order_is_not_found(shop: MemoryShop, order_id: str) -> None:
    with pytest.raises(OrderNotFound):
        shop.orders.get(order_id, buyer_id=shop.a_buyer())


def test_another_users_order_is_not_shown(shop: MemoryShop) -> None:
    product, buyer = shop.a_product(), shop.a_buyer(points=1000)
    order_id = shop.place(buyer, (product, 1)).order_id
    with pytest.raises(NotYourOrder):
        shop.orders.get(order_id, buyer_id=shop.a_buyer())


def test_orders_are_listed_newest_first_to_their_buyer(shop: MemoryShop) -> None:
    product, buyer, other = shop.a_product(), shop.a_buyer(1000), shop.a_buyer(1000)
    mine = [shop.place(buyer, (product, 1)).order_id for _ in range(3)]
    theirs = shop.place(other, (product, 1)).order_id
    first = shop.orders.list(buyer_id=buyer, limit=2, after=None)
    assert [order.order_id for order in first.items] == mine[:0:-1]
    rest = shop.orders.list(buyer_id=buyer, limit=2, after=first.next_cursor)
    assert ([order.order_id for order in rest.items], rest.next_cursor) == (mine[:1], None)
    shown = shop.orders.list(buyer_id=other, limit=2, after=None)
    assert [order.order_id for order in shown.items] == [theirs]
    with pytest.raises(InvalidCursor):
        shop.orders.list(buyer_id=other, limit=2, after=first.next_cursor)
