"""Users like products that exist."""

from uuid import uuid4

import pytest

from commerce.app.likes import like_product, unlike_product
from commerce.app.shop import Shop
from commerce.like import LikeFacade
from commerce.product import ProductFacade, ProductNotFound, RegisterProduct
from tests.support.memory.like import MemoryLikeRepository
from tests.support.memory.product import MemoryProductRepository


class MemoryShop(Shop):
    """A product, and the likes of it, in memory."""

    def __init__(self) -> None:
        self.products = ProductFacade(MemoryProductRepository())
        command = RegisterProduct(brand_id=str(uuid4()), name="Anvil", price_amount=1)
        product_id = self.products.register(command).id
        self.stored_likes = MemoryLikeRepository([product_id])
        self.likes = LikeFacade(self.stored_likes)
        self.product_id = str(product_id)


def test_a_product_is_liked_and_unliked_by_its_id_in_any_case() -> None:
    shop, user_id = MemoryShop(), uuid4()
    liked = {"product_id": shop.product_id, "liked": True}
    for id_ in (shop.product_id, shop.product_id.upper()):
        assert like_product(shop, id_, user_id=user_id).model_dump() == liked
        unliked = unlike_product(shop, id_, user_id=user_id).model_dump()
        assert unliked == {**liked, "liked": False}
    assert shop.stored_likes.events == ["ProductLiked", "ProductUnliked"] * 2


@pytest.mark.parametrize("unknown", ["01a20000-0000-7000-8000-000000000000", "anvil", ""])
def test_an_unknown_product_is_neither_liked_nor_unliked(unknown: str) -> None:
    shop = MemoryShop()
    for use_case in (like_product, unlike_product):
        with pytest.raises(ProductNotFound) as refused:
            use_case(shop, unknown, user_id=uuid4())
        assert refused.value.errors == [{"product_id": unknown}]
    assert shop.stored_likes.events == []
