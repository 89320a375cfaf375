"""Users like products, and change their minds."""

from uuid import UUID, uuid4

import pytest

from commerce.brand import BrandFacade, RegisterBrand
from commerce.like import LikeFacade
from commerce.product import ProductFacade, ProductNotFound, RegisterProduct
from commerce.shared.cursor import InvalidCursor
from tests.support.memory.brand import MemoryBrandRepository
from tests.support.memory.like import MemoryLikeRepository
from tests.support.memory.product import MemoryProductRepository


@pytest.fixture
def product_ids() -> set[UUID]:
    return set()


@pytest.fixture
def repository(product_ids: set[UUID]) -> MemoryLikeRepository:
    return MemoryLikeRepository(product_ids)


@pytest.fixture
def products() -> ProductFacade:
    return ProductFacade(MemoryProductRepository(), BrandFacade(MemoryBrandRepository()))


@pytest.fixture
def likes(repository: MemoryLikeRepository, products: ProductFacade) -> LikeFacade:
    return LikeFacade(repository, products)


@pytest.fixture
def product(products: ProductFacade, product_ids: set[UUID]) -> str:
    brand = products._brands.register(RegisterBrand(name="Acme"))
    command = RegisterProduct(brand_id=brand.brand_id, name="Anvil", price_amount=1)
    id_ = products.register(command).product_id
    product_ids.add(UUID(id_))
    return id_


def test_saying_it_twice_changes_nothing(
    likes: LikeFacade, repository: MemoryLikeRepository, product: str
) -> None:
    user_id = uuid4()
    liked = {"product_id": product, "liked": True}
    assert likes.like(product, user_id=user_id).model_dump() == liked
    assert likes.like(product.upper(), user_id=user_id).model_dump() == liked
    for _ in range(2):
        answer = likes.unlike(product, user_id=user_id)
        assert answer.model_dump() == {"product_id": product, "liked": False}
    assert [type_ for type_, _ in repository.told] == ["ProductLiked", "ProductUnliked"]


@pytest.mark.parametrize("unknown", ["01a20000-0000-7000-8000-000000000000", "anvil", ""])
def test_unknown_products_are_not_liked(
    likes: LikeFacade, repository: MemoryLikeRepository, unknown: str
) -> None:
    for wish in (likes.like, likes.unlike):
        with pytest.raises(ProductNotFound):
            wish(unknown, user_id=uuid4())
    assert repository.told == []


def test_what_one_likes_is_listed_page_by_page(likes: LikeFacade, product_ids: set[UUID]) -> None:
    user_id = uuid4()
    wanted = [uuid4() for _ in range(3)]
    product_ids.update(wanted)
    for product_id in wanted:
        likes.like(str(product_id), user_id=user_id)
    first = likes.newest_of(user_id, limit=2, after=None)
    assert [like.product_id for like in first.items] == wanted[:0:-1]
    second = likes.newest_of(user_id, limit=2, after=first.next_cursor)
    assert [like.product_id for like in second.items] == wanted[:1]
    assert second.next_cursor is None
    with pytest.raises(InvalidCursor):
        likes.newest_of(uuid4(), limit=2, after=first.next_cursor)
