"""Stock as staff see it, without a database."""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from commerce.product import (
    AdjustStock,
    OutOfStock,
    Oversold,
    ProductFacade,
    ProductNotFound,
    RegisterProduct,
    SetStock,
    StockFacade,
    StockView,
)
from commerce.product.model import Balance, Move, StockLevels
from commerce.shared.errors import Unavailable
from commerce.shared.etag import StaleVersion, is_seen
from tests.support.memory.product import MemoryProductRepository

ID = uuid4()


@pytest.fixture
def repository() -> MemoryProductRepository:
    return MemoryProductRepository()


@pytest.fixture
def stock(repository: MemoryProductRepository) -> StockFacade:
    return StockFacade(repository)


@pytest.fixture
def products(repository: MemoryProductRepository) -> ProductFacade:
    return ProductFacade(repository)


@pytest.fixture
def product(stock: StockFacade, products: ProductFacade) -> str:
    """Ten units, three of them sold."""
    command = RegisterProduct(brand_id=str(uuid4()), name="Anvil", price_amount=1)
    id_ = str(products.register(command).id)
    stock.set(id_, SetStock(quantity=10), by="admin:a")
    products.sell([(UUID(id_), 3)], products.offers([id_]), uuid4(), by="user:b")
    return id_


def units(view: StockView) -> tuple[int, int, int]:
    return view.on_hand, view.reserved, view.available


class TestLevels:
    def test_reserved_is_what_is_on_hand_and_not_available(self) -> None:
        assert Balance(on_hand=10, available=7).reserved == 3
        assert Balance(10, 7).before(Move(ID, -3)) == Balance(10, 10)
        assert Balance(10, 7).before(Move(ID, 0, -2)) == Balance(12, 7)

    @pytest.mark.parametrize(("change", "by"), [(-8, 1), (-10, 3)])
    def test_a_change_that_leaves_less_than_is_reserved_is_refused(
        self, change: int, by: int
    ) -> None:
        with pytest.raises(Oversold) as refused:
            StockLevels(ID, Balance(10, 7)).move(change)
        assert refused.value.facts == {"by": by, "order_ids": []}

    @pytest.mark.parametrize("change", [-7, 0, 5])
    def test_a_change_moves_what_is_on_hand_and_available_alike(self, change: int) -> None:
        levels = StockLevels(ID, Balance(10, 7), version=4)
        move = levels.move(change)
        assert move == Move(ID, change, change)
        assert levels.after(move) == StockLevels(ID, Balance(10 + change, 7 + change), version=5)

    def test_only_available_units_are_allotted(self) -> None:
        levels = StockLevels(ID, Balance(10, 7))
        assert levels.allot(7) == Move(ID, -7)
        with pytest.raises(OutOfStock):
            levels.allot(8)


def test_a_count_subtracts_what_is_reserved(stock: StockFacade, product: str) -> None:
    assert units(stock.set(product, SetStock(on_hand=15))) == (15, 3, 12)
    assert units(stock.set(product, SetStock(quantity=15))) == (18, 3, 15)
    assert units(stock.get(product)) == (18, 3, 15)


def test_a_refused_count_changes_nothing(
    stock: StockFacade, repository: MemoryProductRepository, product: str
) -> None:
    before = stock.get(product), repository.moved, list(repository.changes)
    with pytest.raises(Oversold):
        stock.set(product, SetStock(on_hand=2))
    with pytest.raises(StaleVersion) as refused:
        stock.set(product, SetStock(on_hand=9, expected_on_hand=13))
    assert refused.value.facts == {"on_hand": 10, "reserved": 3, "available": 7}
    with pytest.raises(StaleVersion):
        stock.set(product, SetStock(on_hand=9), if_match=[[0, before[0].version - 1]])
    with pytest.raises(Oversold):
        stock.adjust(product, AdjustStock(delta=-8, reason="LOST"), by="admin:a")
    assert (stock.get(product), repository.moved, repository.changes) == before


def test_an_adjustment_is_recorded_with_its_reason_and_note(
    stock: StockFacade, repository: MemoryProductRepository, product: str
) -> None:
    command = AdjustStock(delta=-2, reason="DAMAGED", note="It fell")
    assert units(stock.adjust(product, command, by="admin:a")) == (8, 3, 5)
    newest = repository.movements[-1]
    assert newest.move == Move(UUID(product), -2, -2)
    assert (newest.cause.reason, newest.cause.by, newest.cause.note) == (
        "DAMAGED",
        "admin:a",
        "It fell",
    )
    assert repository.changes[-1].after["note"] == "It fell"


def test_pages_of_movements_go_on_with_the_balance_of_the_page_before(
    stock: StockFacade, products: ProductFacade, product: str
) -> None:
    products.ship([(UUID(product), 3)], uuid4(), by="admin:a")
    first = stock.movements(product, limit=2, after=None)
    stock.adjust(product, AdjustStock(delta=5, reason="FOUND"), by="admin:a")
    second = stock.movements(product, limit=2, after=first.next_cursor)
    shown = [*first.items, *second.items]
    assert [each.reason for each in shown] == ["SHIPPED", "SOLD", "COUNTED"]
    assert [each.balance.on_hand for each in shown] == [7, 10, 10]
    assert [each.balance.reserved for each in shown] == [0, 3, 0]
    assert second.next_cursor is None


def test_a_stock_that_is_not_opened_yet_is_unavailable_to_staff(
    stock: StockFacade, repository: MemoryProductRepository, product: str
) -> None:
    repository._keep(replace(repository._levels[UUID(product)], is_opened=False))
    for use in (
        lambda: stock.get(product),
        lambda: stock.set(product, SetStock(on_hand=20)),
        lambda: stock.adjust(product, AdjustStock(delta=1, reason="FOUND"), by="admin:a"),
        lambda: stock.movements(product, limit=1, after=None),
    ):
        with pytest.raises(Unavailable):
            use()


@pytest.mark.parametrize("product_id", [str(UUID(int=7)), "anvil", ""])
def test_an_unknown_product_is_not_found(stock: StockFacade, product_id: str) -> None:
    for use in (
        lambda: stock.get(product_id),
        lambda: stock.set(product_id, SetStock(quantity=1)),
        lambda: stock.movements(product_id, limit=1, after=None),
    ):
        with pytest.raises(ProductNotFound):
            use()


def test_a_tag_is_compared_by_the_part_it_names() -> None:
    assert is_seen(None, 7, part=1)
    assert is_seen([[1, 2], [3, 7]], 7, part=1)
    assert not is_seen([[7], [7, 1], [1, 2, 7]], 7, part=1)
    assert not is_seen([], 7, part=1)
