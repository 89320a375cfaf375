"""Products are read, listed, counted and sold."""

from collections.abc import Collection
from uuid import UUID, uuid4

import pytest

from commerce.product import (
    ListProducts,
    OutOfStock,
    ProductFacade,
    ProductNotFound,
    RegisterProduct,
    SetStock,
    Sort,
    StockFacade,
)
from commerce.product.model import Cause
from commerce.product.repository import Stocks, Units
from commerce.runtime.db.connection import Contention
from commerce.runtime.db.unit_of_work import ErrorFactory
from commerce.shared.cursor import InvalidCursor
from commerce.shared.money import Money
from tests.support.memory.product import MemoryProductRepository


@pytest.fixture
def repository() -> MemoryProductRepository:
    return MemoryProductRepository()


@pytest.fixture
def products(repository: MemoryProductRepository) -> ProductFacade:
    return ProductFacade(repository)


@pytest.fixture
def brand_id() -> str:
    return str(uuid4())


def register(
    products: ProductFacade, brand_id: str, *, price: int = 100, name: str = "Anvil", stock: int = 0
) -> str:
    command = RegisterProduct(brand_id=brand_id, name=name, price_amount=price)
    id_ = str(products.register(command).id)
    if stock:
        count(products, id_, stock)
    return id_


def count(products: ProductFacade, id_: str, stock: int) -> None:
    """Make units available."""
    StockFacade(products._products).set(id_, SetStock(quantity=stock))


def sell(products: ProductFacade, *lines: tuple[str, int], order_id: UUID | None = None) -> None:
    offers = products.offers([id_ for id_, _ in lines])
    wanted = [(UUID(id_), quantity) for id_, quantity in lines]
    products.sell(wanted, offers, order_id or uuid4(), by="test")


def walk(products: ProductFacade, limit: int, sort: Sort, brand_id: str | None = None) -> list[str]:
    seen: list[str] = []
    cursor = None
    while True:
        command = ListProducts(brand_id=brand_id, sort=sort, limit=limit, cursor=cursor)
        page = products.list(command)
        seen += [product.name for product in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return seen


@pytest.mark.parametrize("product_id", ["018f0000-0000-7000-8000-0000deadbeef", "1", "", "\ud800"])
def test_an_unknown_product_is_not_found(products: ProductFacade, product_id: str) -> None:
    with pytest.raises(ProductNotFound) as refused:
        products.get(product_id)
    assert refused.value.errors == [{"product_id": product_id}]


def test_a_sale_takes_every_lines_units(
    products: ProductFacade, repository: MemoryProductRepository, brand_id: str
) -> None:
    one, other = (register(products, brand_id, stock=stock) for stock in (5, 3))
    order_id = uuid4()
    sell(products, (one, 2), (other, 3), order_id=order_id)
    assert [products.get(id_).stock.quantity for id_ in (one, other)] == [3, 0]
    assert repository.moved[-2:] == [
        (UUID(one), -2, "SOLD", order_id),
        (UUID(other), -3, "SOLD", order_id),
    ]


def test_a_refused_sale_moves_nothing_and_names_every_short_line(
    products: ProductFacade, repository: MemoryProductRepository, brand_id: str
) -> None:
    one, other, third = (register(products, brand_id, stock=stock) for stock in (5, 3, 0))
    before = list(repository.moved)
    with pytest.raises(OutOfStock) as refused:
        sell(products, (one, 5), (other, 4), (third, 1))
    assert refused.value.errors == [
        {"product_id": other, "requested": 4, "available": 3},
        {"product_id": third, "requested": 1, "available": 0},
    ]
    assert [products.get(id_).stock.quantity for id_ in (one, other, third)] == [5, 3, 0]
    assert repository.moved == before


def test_a_stale_offer_is_refused_with_the_current_stock(
    products: ProductFacade, brand_id: str
) -> None:
    id_ = register(products, brand_id, stock=5)
    outdated = products.offers([id_])
    sell(products, (id_, 4))
    with pytest.raises(OutOfStock) as refused:
        products.sell([(UUID(id_), 2)], outdated, uuid4(), by="test")
    assert refused.value.errors == [{"product_id": id_, "requested": 2, "available": 1}]
    assert products.get(id_).stock.quantity == 1


class TooLate(MemoryProductRepository):
    """Refuses every sale, as the database does when somebody was faster."""

    def sell(
        self,
        wanted: Units,
        stocks: Stocks,
        cause: Cause,
        *,
        windowed: Collection[UUID] = (),
        on_out_of_stock: ErrorFactory,
    ) -> None:
        raise on_out_of_stock() or Contention("stock_sufficient")


def test_a_refused_sale_that_is_possible_again_is_a_conflict(brand_id: str) -> None:
    products = ProductFacade(TooLate())
    id_ = register(products, brand_id, stock=5)
    with pytest.raises(Contention):
        sell(products, (id_, 5))


def test_an_offer_has_what_an_order_line_stores(products: ProductFacade, brand_id: str) -> None:
    id_ = register(products, brand_id, price=700, stock=2)
    [offer] = products.offers([id_]).values()
    assert (offer.name, offer.price) == ("Anvil", Money(700))
    assert (offer.brand_id, offer.product_id) == (UUID(brand_id), UUID(id_))
    assert offer.stock.quantity == 2


def test_all_missing_products_are_named_as_requested(
    products: ProductFacade, brand_id: str
) -> None:
    there, gone = register(products, brand_id), str(uuid4()).upper()
    with pytest.raises(ProductNotFound) as refused:
        products.offers([gone, there, "anvil", there.upper()])
    assert refused.value.errors == [{"product_id": gone}, {"product_id": "anvil"}]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        (Sort.LATEST, ["d", "c", "b", "a"]),
        (Sort.PRICE_ASC, ["b", "a", "d", "c"]),
        (Sort.LIKES_DESC, ["d", "c", "b", "a"]),
    ],
)
def test_paging_through_a_list_shows_every_product_once(
    products: ProductFacade, brand_id: str, limit: int, sort: Sort, expected: list[str]
) -> None:
    for name, price in [("a", 2), ("b", 1), ("c", 3), ("d", 2)]:
        register(products, brand_id, price=price, name=name)
    assert walk(products, limit, sort) == expected
    assert walk(products, limit, sort, brand_id.upper()) == expected


def test_a_list_can_be_limited_to_one_brand(products: ProductFacade, brand_id: str) -> None:
    other = str(uuid4())
    register(products, brand_id, name="mine")
    register(products, other, name="theirs")
    for sort in Sort:
        assert walk(products, 1, sort, other) == ["theirs"]
        assert walk(products, 1, sort, str(uuid4())) == []
        assert walk(products, 1, sort, "no id") == []


def test_a_cursor_is_bound_to_its_sort_and_brand(products: ProductFacade, brand_id: str) -> None:
    for _ in range(2):
        register(products, brand_id)
    cursors = {
        (sort, brand): products.list(ListProducts(sort=sort, brand_id=brand, limit=1)).next_cursor
        for sort in Sort
        for brand in (None, brand_id)
    }
    assert None not in cursors.values()
    for origin, cursor in cursors.items():
        for sort, brand in cursors:
            command = ListProducts(sort=sort, brand_id=brand, limit=1, cursor=cursor)
            if (sort, brand) == origin:
                assert len(products.list(command).items) == 1
            else:
                with pytest.raises(InvalidCursor):
                    products.list(command)
