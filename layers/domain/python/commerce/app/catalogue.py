"""What shoppers read: products, brands and likes together, through the cache.

A product's *card* is what a list shows of it. It is kept for a minute, and renewed by the events
that change it. What must be right now (the stock, and the version under which an admin changes the
product) is read from PostgreSQL whenever a product is looked at by itself: one narrow statement.
So the last unit sold, and a price changed, show there at once, whatever the cache holds.
"""

from collections.abc import Callable, Collection
from functools import cache
from uuid import UUID

import redis  # noqa: F401  (now, while the function starts, not while its first reader waits)

from commerce.app.messaging import best_effort_events
from commerce.app.ranking_boards import todays_rank
from commerce.app.transactions import in_transaction
from commerce.brand import BrandFacade, BrandNotFound, VersionedBrand
from commerce.like import LikedProduct, LikeFacade
from commerce.product import (
    LONGEST_PAGE,
    FirstPages,
    ListProducts,
    ProductDetailView,
    ProductFacade,
    ProductNotFound,
    ProductView,
    ProductViewed,
    Sort,
    listed,
    listing_of,
)
from commerce.runtime.cache.read_through import Cache, CacheRegion, shared_cache
from commerce.shared import clock, cursor
from commerce.shared.schemas import Page

# SPEC §7
CARDS = CacheRegion("card", 1, ProductView, 60)
FIRST_PAGES = CacheRegion("first-pages", 1, FirstPages, 30)
BRANDS = CacheRegion("brand", 2, VersionedBrand, 24 * 60 * 60)


class Catalogue:
    """Products as shoppers see them. The cache may be cold, slow, down or wrong: they see them."""

    def __init__(self, cache: Cache, rank_of: Callable[[str], int | None]) -> None:
        self._cache = cache
        self._rank_of = rank_of

    def product(self, product_id: str) -> ProductDetailView:
        """One product with brand, stock, like count and today's rank. Raises ProductNotFound.

        One statement where its card is kept, else two; the rank is asked of Valkey each time.
        """
        found = cursor.parse_id(product_id)
        if found is None:
            raise ProductNotFound([product_id])
        return self._detail(found).model_copy(update={"rank": self._rank_of(str(found))})

    def _detail(self, found: UUID) -> ProductDetailView:
        product_id = str(found)
        loaded: list[ProductDetailView] = []

        def load() -> ProductView:
            loaded.append(in_transaction(ProductFacade.get, product_id))
            return listed(loaded[0])

        card = self._cache.get(CARDS, product_id, load)
        if loaded:
            return loaded[0]
        state = in_transaction(ProductFacade.state, product_id)
        if card.version != state.version:
            card = self.refresh([product_id])[product_id]
        now = {
            "like_count": state.like_count,
            "stock_quantity": state.stock_quantity,
            "counted": state.counted,
        }
        return ProductDetailView(**{**dict(card), **now})

    def cards(self, ids: Collection[str]) -> dict[str, ProductView]:
        """Several products as a list shows them; the unknown are left out.

        Two statements for those that are not kept, however many.
        """
        return self._cache.get_all(
            CARDS, ids, lambda missing: in_transaction(ProductFacade.get_all, missing)
        )

    def refresh(self, ids: Collection[str]) -> dict[str, ProductView]:
        """Renew the products' cards after a change, before those come who heard of it."""
        self._cache.invalidate(CARDS, ids)
        return self.cards(ids)

    def list(self, command: ListProducts) -> Page[ProductView]:
        """A page of products. Raises InvalidCursor.

        The ids of the first 100 are kept: no statement. Else two or three, however many products.
        """
        brand_id = cursor.parse_id(command.brand_id) if command.brand_id else None
        is_first = not command.cursor and (brand_id or not command.brand_id)
        if not is_first or not self._cache.is_usable:
            return in_transaction(ProductFacade.list, command)
        first = self._cache.get(
            FIRST_PAGES,
            _name_of(command.sort, brand_id),
            lambda: in_transaction(ProductFacade.first_pages, command.sort, brand_id),
        )
        positions = first.positions[: command.limit]
        ids = [str(position[-1]) for position in positions]
        cards = self.cards(ids)
        more = (
            cursor.encode(listing_of(command.sort, brand_id), positions[-1])
            if len(first.positions) > command.limit
            else None
        )
        return Page(items=[cards[id_] for id_ in ids if id_ in cards], next_cursor=more)

    def show_new(self, product: ProductView) -> None:
        """A new product is due in the first pages: its brand's and everybody's."""
        brands = (None, UUID(product.brand.brand_id))
        names = [_name_of(sort, brand_id) for sort in Sort for brand_id in brands]
        self._cache.invalidate(FIRST_PAGES, names)

    def liked_by(self, user_id: UUID, *, limit: int, after: str | None) -> Page[LikedProduct]:
        """What a user likes, newest first. Raises InvalidCursor."""
        likes = in_transaction(LikeFacade.newest_of, user_id, limit=limit, after=after)
        cards = self.cards([str(like.product_id) for like in likes.items])
        items = [
            LikedProduct(**dict(cards[id_]), liked_at=like.created_at)
            for like in likes.items
            if (id_ := str(like.product_id)) in cards
        ]
        return Page(items=items, next_cursor=likes.next_cursor)

    def brand(self, brand_id: str) -> VersionedBrand:
        """One brand. Raises BrandNotFound."""
        found = cursor.parse_id(brand_id)
        if found is None:
            raise BrandNotFound
        return self._cache.get(
            BRANDS,
            str(found),
            lambda: in_transaction(BrandFacade.get_versioned, brand_id),
        )

    def renew_products(self, ids: Collection[str]) -> None:
        """Products were edited: their cards are renewed, and the first pages they may be in."""
        for card in self.refresh(ids).values():
            self.show_new(card)

    def renew_brand(self, brand_id: str) -> None:
        """A brand was edited: it, and its name on its products' cards, are read again."""
        self._cache.invalidate(BRANDS, [brand_id])
        after: str | None = ""
        while after is not None:
            page = self._products_of(brand_id, after)
            self._cache.invalidate(CARDS, [product.product_id for product in page.items])
            after = page.next_cursor

    def _products_of(self, brand_id: str, after: str) -> Page[ProductView]:
        command = ListProducts(brand_id=brand_id, limit=LONGEST_PAGE, cursor=after)
        return in_transaction(ProductFacade.list, command)


@cache
def catalogue() -> Catalogue:
    """The catalogue of this execution environment."""
    return Catalogue(shared_cache(), todays_rank)


def record_view(product: ProductDetailView) -> None:
    """Somebody looks at the product. Never fails, and hardly takes time."""
    best_effort_events().record(
        ProductViewed(
            aggregate_id=clock.new_id(), aggregate_version=1, product_id=UUID(product.product_id)
        )
    )


def _name_of(sort: Sort, brand_id: UUID | None) -> str:
    return f"{sort}:{brand_id or 'all'}"
