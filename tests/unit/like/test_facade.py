"""Users like products, and take likes back."""

from uuid import UUID, uuid4

import pytest

from commerce.like import LikeFacade
from commerce.product import ProductNotFound
from commerce.shared.cursor import InvalidCursor
from tests.support.memory.like import MemoryLikeRepository

PRODUCTS = [UUID(int=number) for number in (1, 2, 3)]


@pytest.fixture
def repository() -> MemoryLikeRepository:
    return MemoryLikeRepository(PRODUCTS)


@pytest.fixture
def likes(repository: MemoryLikeRepository) -> LikeFacade:
    return LikeFacade(repository)


def refuse() -> ProductNotFound:
    return ProductNotFound(["none"])


def test_a_repeated_like_changes_nothing(
    likes: LikeFacade, repository: MemoryLikeRepository
) -> None:
    user_id, product_id = uuid4(), PRODUCTS[0]
    liked = {"product_id": str(product_id), "liked": True}
    for _ in range(2):
        answer = likes.like(product_id, user_id=user_id, on_unknown_product=refuse)
        assert answer.model_dump() == liked
    for _ in range(2):
        answer = likes.unlike(product_id, user_id=user_id)
        assert answer.model_dump() == {**liked, "liked": False}
    assert repository.events == ["ProductLiked", "ProductUnliked"]


def test_an_unknown_product_is_not_liked(
    likes: LikeFacade, repository: MemoryLikeRepository
) -> None:
    with pytest.raises(ProductNotFound):
        likes.like(uuid4(), user_id=uuid4(), on_unknown_product=refuse)
    assert repository.events == []


def test_my_likes_are_listed_page_by_page(likes: LikeFacade) -> None:
    user_id = uuid4()
    for product_id in PRODUCTS:
        likes.like(product_id, user_id=user_id, on_unknown_product=refuse)
    first = likes.newest_of(user_id, limit=2, after=None)
    assert [like.product_id for like in first.items] == PRODUCTS[:0:-1]
    second = likes.newest_of(user_id, limit=2, after=first.next_cursor)
    assert [like.product_id for like in second.items] == PRODUCTS[:1]
    assert second.next_cursor is None
    with pytest.raises(InvalidCursor):
        likes.newest_of(uuid4(), limit=2, after=first.next_cursor)
