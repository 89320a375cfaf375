"""The catalogue that shoppers read: products, brands and likes together, through the cache.

A product's summary is what lists show of it. It is cached for a minute, and refreshed by the events
that change it. It holds the moments at which the product is shown and sold, so that its
availability, which is said of the moment of the answer, is right however long it was cached. What
must be current (the stock, and the version under which an admin edits the
product) is read from PostgreSQL whenever a single product is read, in one narrow statement. So
there the last unit sold and a changed price show at once, whatever is cached.
"""

from collections.abc import Callable, Collection, Mapping
from functools import cache, partial
from uuid import UUID

import redis  # noqa: F401  (loaded while the function starts, not during its first request)

from commerce.app.messaging import best_effort_events
from commerce.app.products import get_product, get_products, list_products
from commerce.app.ranking_boards import todays_rank
from commerce.app.transactions import in_transaction
from commerce.brand import BrandFacade, BrandNotFound, VersionedBrand
from commerce.drop import DropFacade
from commerce.like import LikeFacade
from commerce.product import (
    LONGEST_PAGE,
    Availability,
    CachedProduct,
    FirstPages,
    ListProducts,
    ProductDetailView,
    ProductFacade,
    ProductNotFound,
    ProductState,
    ProductView,
    ProductViewed,
    Sort,
    listing_of,
)
from commerce.ranking import Period, Window
from commerce.runtime import business_time
from commerce.runtime.cache.read_through import Cache, CacheRegion, shared_cache
from commerce.shared import clock, cursor
from commerce.shared.schemas import Page, Timestamp

# spec §9
SUMMARIES = CacheRegion("product-summary", 3, CachedProduct, 60)
FIRST_PAGES = CacheRegion("first-pages", 2, FirstPages, 30)
BRANDS = CacheRegion("brand", 2, VersionedBrand, 24 * 60 * 60)


class LikedProduct(ProductView):
    """A product in the list of what a user likes."""

    liked_at: Timestamp


class Catalogue:
    """Products as shoppers see them. A cold, slow, broken or corrupt cache only costs time."""

    def __init__(self, cache: Cache, rank_of: Callable[[str], int | None]) -> None:
        self._cache = cache
        self._rank_of = rank_of

    def product(self, product_id: str) -> ProductDetailView:
        """Return one product with brand, stock, like count and today's rank.

        One statement if its summary is cached, two if it may be a drop's, else three; the rank is
        read from Valkey each time. Raises ProductNotFound.
        """
        found = cursor.parse_id(product_id)
        if found is None:
            raise ProductNotFound([product_id])
        product = self._detail(str(found))
        if product.availability == Availability.HIDDEN:
            raise ProductNotFound([product_id])
        return self.ranked(product)

    def ranked(self, product: ProductDetailView) -> ProductDetailView:
        """Return the product with today's rank, which is read from Valkey."""
        return product.model_copy(update={"rank": self._rank_of(product.product_id)})

    def _detail(self, product_id: str) -> ProductDetailView:
        loaded: list[ProductDetailView] = []

        def load() -> CachedProduct:
            found, detail = in_transaction(get_product, product_id)
            loaded.append(detail)
            return found

        found = self._cache.get(SUMMARIES, product_id, load)
        if loaded:
            return loaded[0]
        state = in_transaction(ProductFacade.state, product_id)
        if found.version != state.version:
            found = self.refresh([product_id])[product_id]
        return found.detail(state, is_in_drop=_is_in_drop(found, state))

    def summaries(self, ids: Collection[str]) -> dict[str, ProductView]:
        """Return several products as lists show them; unknown and hidden ones are left out.

        Three statements for those that are not cached, however many.
        """
        return _seen(self._summaries(ids))

    def _summaries(self, ids: Collection[str]) -> dict[str, CachedProduct]:
        return self._cache.get_all(SUMMARIES, ids, _load_summaries)

    def refresh(self, ids: Collection[str]) -> dict[str, CachedProduct]:
        """Read the products' summaries again after a change, and cache them."""
        self._cache.invalidate(SUMMARIES, ids)
        return self._summaries(ids)

    def list(self, command: ListProducts) -> Page[ProductView]:
        """List products. Raises InvalidCursor.

        The ids of the first 100 are cached: no statement. Else three to five, however many
        products.
        """
        brand_id = cursor.parse_id(command.brand_id) if command.brand_id else None
        is_first = not command.cursor and (brand_id or not command.brand_id)
        if not is_first or not self._cache.is_usable:
            page = in_transaction(list_products, command)
            seen = _seen({each.product_id: each for each in page.items})
            return Page(items=list(seen.values()), next_cursor=page.next_cursor)
        first = self._first_pages(command.sort, brand_id)
        positions = first.positions[: command.limit]
        ids = [str(position[-1]) for position in positions]
        found = self.summaries(ids)
        next_cursor = (
            cursor.encode(listing_of(command.sort, brand_id), positions[-1])
            if len(first.positions) > command.limit
            else None
        )
        return Page(items=[found[id_] for id_ in ids if id_ in found], next_cursor=next_cursor)

    def _first_pages(self, sort: Sort, brand_id: UUID | None) -> FirstPages:
        """Return the first pages, read again as soon as another product becomes visible.

        Empty ones are not cached: callers may make up any brand id.
        """
        id_, empty = _cache_id(sort, brand_id), FirstPages(positions=[])

        def load(_: Collection[str]) -> dict[str, FirstPages]:
            found = in_transaction(ProductFacade.first_pages, sort, brand_id)
            return {id_: found} if found.positions else {}

        found = self._cache.get_all(FIRST_PAGES, [id_], load).get(id_, empty)
        if found.until is not None and found.until <= clock.now():
            self._cache.invalidate(FIRST_PAGES, [id_])
            found = self._cache.get_all(FIRST_PAGES, [id_], load).get(id_, empty)
        return found

    def liked_by(self, user_id: UUID, *, limit: int, after: str | None) -> Page[LikedProduct]:
        """List what a user likes, newest first. Raises InvalidCursor."""
        likes = in_transaction(LikeFacade.newest_of, user_id, limit=limit, after=after)
        found = self.summaries([str(like.product_id) for like in likes.items])
        items = [
            LikedProduct(**dict(found[id_]), liked_at=like.created_at)
            for like in likes.items
            if (id_ := str(like.product_id)) in found
        ]
        return Page(items=items, next_cursor=likes.next_cursor)

    def brand(self, brand_id: str) -> VersionedBrand:
        """Return one brand. Raises BrandNotFound."""
        found = cursor.parse_id(brand_id)
        if found is None:
            raise BrandNotFound
        load = partial(in_transaction, BrandFacade.get_versioned, brand_id)
        return self._cache.get(BRANDS, str(found), load)

    def invalidate_first_pages(self, product: CachedProduct | ProductView) -> None:
        """Drop the first pages that a new or edited product may be in."""
        brands = (None, UUID(product.brand.brand_id))
        ids = [_cache_id(sort, brand_id) for sort in Sort for brand_id in brands]
        self._cache.invalidate(FIRST_PAGES, ids)

    def refresh_products(self, ids: Collection[str]) -> None:
        """Refresh edited products, and drop the first pages that they may be in."""
        for summary in self.refresh(ids).values():
            self.invalidate_first_pages(summary)

    def forget_brand(self, brand_id: str) -> None:
        """Drop an edited brand; its products follow with the event."""
        self._cache.invalidate(BRANDS, [brand_id])

    def invalidate_brand(self, brand_id: str) -> None:
        """Drop an edited brand, and the summaries of its products, which show its name."""
        self.forget_brand(brand_id)
        after: str | None = ""
        while after is not None:
            command = ListProducts(brand_id=brand_id, limit=LONGEST_PAGE, cursor=after)
            page = in_transaction(ProductFacade.list, command)
            self._cache.invalidate(SUMMARIES, [str(product.id) for product in page.items])
            after = page.next_cursor


@cache
def catalogue() -> Catalogue:
    """Return the catalogue of this execution environment."""
    return Catalogue(shared_cache(), todays_rank)


def record_view(product_id: str, viewer: str) -> None:
    """Record that somebody looks at the product, once per viewer and hour. Never fails."""
    hour = Window.containing(Period.HOURLY, clock.now(), business_time.zone())
    best_effort_events().record_once(
        ProductViewed(
            aggregate_id=clock.new_id(), aggregate_version=1, product_id=UUID(product_id)
        ),
        f"{product_id} {viewer}",
        hour.key,
    )


def _load_summaries(ids: Collection[str]) -> dict[str, CachedProduct]:
    return in_transaction(get_products, ids)


def _is_in_drop(product: CachedProduct, state: ProductState) -> bool:
    """Return whether a drop sells the product alone, read where it was so, or may have become so.

    A product is not said to be sold out while a unit may come back from its drop.
    """
    if not product.is_in_drop and state.stock_quantity:
        return False
    return bool(in_transaction(DropFacade.selling, [UUID(product.product_id)]))


def _seen(products: Mapping[str, CachedProduct]) -> dict[str, ProductView]:
    now = clock.now()
    shown = {id_: product.seen(now) for id_, product in products.items()}
    return {id_: view for id_, view in shown.items() if view is not None}


def _cache_id(sort: Sort, brand_id: UUID | None) -> str:
    return f"{sort}:{brand_id or 'all'}"
