"""Likes and their counts keep the same promises in memory and in PostgreSQL."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import TypeAlias, TypeVar
from uuid import UUID, uuid4

import pytest

from commerce.brand.model import Brand
from commerce.brand.repository import SqlBrandRepository
from commerce.like.model import Like
from commerce.like.repository import LikeRepository, SqlLikeRepository
from commerce.product import ProductNotFound, ProductState, Sort
from commerce.product.model import Product, Stock
from commerce.product.repository import ProductRepository, SqlProductRepository
from commerce.runtime.db.connection import Database
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared import clock
from commerce.shared.money import Money
from tests.support.memory.like import MemoryLikeRepository
from tests.support.memory.product import MemoryProductRepository

R = TypeVar("R")
Opened: TypeAlias = Callable[[], AbstractContextManager[R]]
"""Opens a transaction on the repository; leaving it commits."""

NOW = datetime(2026, 1, 31, 9, 30, 0, 123456, tzinfo=UTC)
NEWEST = UUID(int=2**128 - 1)


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


@pytest.fixture
def brand_id(database: Database) -> UUID:
    brand = Brand(uuid4(), "Acme", "")
    with UnitOfWork(database) as uow:
        SqlBrandRepository(uow).add(brand)
        uow.commit()
    return brand.id


@pytest.fixture
def products(kind: str, database: Database) -> Opened[ProductRepository]:
    return opened(kind, database, MemoryProductRepository(), SqlProductRepository)


@pytest.fixture
def product_ids(products: Opened[ProductRepository], brand_id: UUID) -> list[UUID]:
    ids = [clock.new_id() for _ in range(4)]
    with products() as repository:
        for number, id_ in enumerate(ids):
            repository.add(
                Product(
                    id=id_,
                    brand_id=brand_id,
                    name="Anvil",
                    description="",
                    price=Money(100 + number % 2),
                    like_count=0,
                    version=1,
                    created_at=NOW,
                    stock=Stock(id_, 0),
                )
            )
    return ids


@pytest.fixture
def likes(kind: str, database: Database, product_ids: list[UUID]) -> Opened[LikeRepository]:
    return opened(kind, database, MemoryLikeRepository(product_ids), SqlLikeRepository)


def a_like(user_id: UUID, product_id: UUID) -> Like:
    return Like(clock.new_id(), user_id, product_id, NOW)


def refuse() -> ProductNotFound:
    return ProductNotFound(["none"])


class TestLikes:
    def test_a_like_is_stored_once_and_likes_are_listed_newest_first(
        self, likes: Opened[LikeRepository], product_ids: list[UUID]
    ) -> None:
        user_id = uuid4()
        mine = [a_like(user_id, id_) for id_ in product_ids]
        for like in (*mine, a_like(user_id, product_ids[0]), a_like(uuid4(), product_ids[0])):
            with likes() as repository:
                repository.add(like, on_unknown_product=refuse)
        with likes() as repository:
            assert repository.newest_of(user_id, NEWEST, 3) == [mine[3], mine[2], mine[1]]
            assert repository.newest_of(user_id, mine[1].id, 3) == [mine[0]]
            assert repository.newest_of(uuid4(), NEWEST, 3) == []

    def test_a_removed_like_is_gone_and_can_be_added_again(
        self, likes: Opened[LikeRepository], product_ids: list[UUID]
    ) -> None:
        user_id = uuid4()
        first, again = (a_like(user_id, product_ids[0]) for _ in range(2))
        kept = [a_like(uuid4(), product_ids[0]), a_like(user_id, product_ids[1])]
        for like in (first, *kept):
            with likes() as repository:
                repository.add(like, on_unknown_product=refuse)
        for _ in range(2):
            with likes() as repository:
                repository.remove(user_id, product_ids[0])
        with likes() as repository:
            for like in kept:
                assert repository.newest_of(like.user_id, NEWEST, 3) == [like]
        with likes() as repository:
            repository.add(again, on_unknown_product=refuse)
        with likes() as repository:
            assert repository.newest_of(user_id, NEWEST, 3) == [kept[1], again]

    def test_all_likes_of_a_user_are_removed_and_no_others(
        self, likes: Opened[LikeRepository], product_ids: list[UUID]
    ) -> None:
        user_id, other = uuid4(), uuid4()
        for owner, id_ in ((user_id, 0), (user_id, 1), (other, 0)):
            with likes() as repository:
                repository.add(a_like(owner, product_ids[id_]), on_unknown_product=refuse)
        for _ in range(2):
            with likes() as repository:
                repository.remove_all(user_id)
        with likes() as repository:
            assert repository.newest_of(user_id, NEWEST, 3) == []
            assert len(repository.newest_of(other, NEWEST, 3)) == 1

    def test_an_unknown_product_is_refused(self, likes: Opened[LikeRepository]) -> None:
        user_id = uuid4()
        with pytest.raises(ProductNotFound), likes() as repository:
            repository.add(a_like(user_id, uuid4()), on_unknown_product=refuse)
        with likes() as repository:
            assert repository.newest_of(user_id, NEWEST, 3) == []


class TestCounts:
    def test_counts_add_up_in_any_order_and_never_go_below_zero(
        self, products: Opened[ProductRepository], product_ids: list[UUID]
    ) -> None:
        seen = []
        for first, second in ((2, -3), (-1, 1), (1, 2), (1, 1)):
            with products() as repository:
                repository.count_likes({product_ids[0]: first, product_ids[1]: second})
            with products() as repository:
                states = {each.id: each for each in repository.find_states(product_ids)}
            seen.append(tuple(states[id_].like_count for id_ in product_ids[:3]))
        assert seen == [(2, 0, 0), (1, 0, 0), (2, 0, 0), (3, 1, 0)]

    def test_an_unknown_product_is_not_counted(
        self, products: Opened[ProductRepository], product_ids: list[UUID]
    ) -> None:
        with products() as repository:
            repository.count_likes({uuid4(): 1, product_ids[0]: 1})
        with products() as repository:
            assert repository.find_states([uuid4()]) == []
            [state] = repository.find_states([product_ids[0]])
        assert state == ProductState(product_ids[0], 1, 1, 0, stock_version=1)


class TestPositions:
    def test_cursor_positions_are_those_of_the_page_items(
        self, products: Opened[ProductRepository], product_ids: list[UUID], brand_id: UUID
    ) -> None:
        a, b, c, d = product_ids
        with products() as repository:
            repository.count_likes({a: 5, c: 5, d: 1})
        with products() as repository:
            found = {
                sort: repository.first_positions(sort, brand_id, 3)
                for sort in (Sort.LATEST, Sort.PRICE_ASC, Sort.LIKES_DESC)
            }
            for sort, positions in found.items():
                page = repository.page(sort, brand_id, [], 3)
                assert [each.id for each in page] == [position[-1] for position in positions]
            assert repository.first_positions(Sort.LATEST, uuid4(), 3) == []
        assert found == {
            Sort.LATEST: [(d,), (c,), (b,)],
            Sort.PRICE_ASC: [(100, a), (100, c), (101, b)],
            Sort.LIKES_DESC: [(5, c), (5, a), (1, d)],
        }
