"""What shoppers read: products, brands and likes together, through the cache.

A product is shown in two parts. Its *card* (name, price, brand: what an admin changes) is kept in
the cache under the product's version. Its *state* (stock, like count, and that version) is read
from PostgreSQL each time, in one statement for any number of products. So the last unit sold, and a
price changed, show at once, whatever the cache holds.
"""

from collections.abc import Collection
from functools import cache
from uuid import UUID

import redis  # noqa: F401  (now, while the function starts, not while its first reader waits)

from commerce.bootstrap import in_transaction, kept, passing_events
from commerce.brand import BrandNotFound, BrandView
from commerce.like import LikedProduct
from commerce.product import (
    FirstPages,
    ListProducts,
    ProductCard,
    ProductDetailView,
    ProductNotFound,
    ProductState,
    ProductView,
    ProductViewed,
    Sort,
    card_of,
    listing_of,
)
from commerce.shared import cursor
from commerce.shared.cache import Cache, Shelf
from commerce.shared.shapes import Page

# SPEC §7
CARDS = Shelf("card", 1, ProductCard, 60)
FIRST_PAGES = Shelf("first-pages", 1, FirstPages, 30)
BRANDS = Shelf("brand", 1, BrandView, 24 * 60 * 60)


class Catalogue:
    """Products as shoppers see them. The cache may be cold, slow, down or wrong: they see them."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def product(self, product_id: str) -> ProductDetailView:
        """One product with brand, stock, like count and rank. Raises ProductNotFound.

        One statement where its card is kept, else two.
        """
        found = cursor.parse_id(product_id)
        for view in self.products([str(found)] if found else []).values():
            return view
        raise ProductNotFound([product_id])

    def products(self, ids: Collection[str]) -> dict[str, ProductDetailView]:
        """Several products, by id; the unknown are left out. Three statements at most."""
        loaded: dict[str, ProductDetailView] = {}

        def load(missing: Collection[str]) -> dict[str, ProductCard]:
            loaded.update(in_transaction(lambda shop: shop.products.get_all(missing)))
            return {id_: card_of(loaded[id_]) for id_ in missing if id_ in loaded}

        cards = self._cache.get_all(CARDS, ids, load)
        states = _states([id_ for id_ in cards if id_ not in loaded])
        outdated = [id_ for id_, state in states.items() if state.version != cards[id_].version]
        if outdated:
            self._cache.forget(CARDS, outdated)
            load(outdated)
        shown = {id_: _composed(cards[id_], state) for id_, state in states.items()} | loaded
        return {id_: shown[id_] for id_ in ids if id_ in shown}

    def list(self, command: ListProducts) -> Page[ProductView]:
        """A page of products. Raises InvalidCursor.

        The ids of the first 100 are kept; what is shown of them is as new as on their own pages.
        """
        brand_id = cursor.parse_id(command.brand_id) if command.brand_id else None
        is_first = not command.cursor and (brand_id or not command.brand_id)
        if not is_first or not self._cache.is_usable:
            return in_transaction(lambda shop: shop.products.list(command))
        first = self._cache.get(
            FIRST_PAGES,
            _name_of(command.sort, brand_id),
            lambda: in_transaction(lambda shop: shop.products.first_pages(command.sort, brand_id)),
        )
        positions = first.positions[: command.limit]
        products = self.products([str(position[-1]) for position in positions])
        more = (
            cursor.encode(listing_of(command.sort, brand_id), positions[-1])
            if len(first.positions) > command.limit
            else None
        )
        return Page(items=[_listed(each) for each in products.values()], next_cursor=more)

    def liked_by(self, user_id: UUID, *, limit: int, after: str | None) -> Page[LikedProduct]:
        """What a user likes, newest first. Raises InvalidCursor."""
        likes = in_transaction(lambda shop: shop.likes.newest_of(user_id, limit=limit, after=after))
        products = self.products([str(like.product_id) for like in likes.items])
        items = [
            LikedProduct(**dict(_listed(products[id_])), liked_at=like.created_at)
            for like in likes.items
            if (id_ := str(like.product_id)) in products
        ]
        return Page(items=items, next_cursor=likes.next_cursor)

    def brand(self, brand_id: str) -> BrandView:
        """One brand. Raises BrandNotFound."""
        found = cursor.parse_id(brand_id)
        if found is None:
            raise BrandNotFound
        return self._cache.get(
            BRANDS, str(found), lambda: in_transaction(lambda shop: shop.brands.get(brand_id))
        )

    def refresh(self, ids: Collection[str]) -> None:
        """Bring the products' cards up to date before those come who heard the news."""
        self._cache.forget(CARDS, ids)
        self.products(ids)

    def show_new(self, product: ProductView) -> None:
        """A new product is due in the first pages: its brand's and everybody's."""
        names = [
            _name_of(sort, brand_id)
            for sort in Sort
            for brand_id in (None, UUID(product.brand.brand_id))
        ]
        self._cache.forget(FIRST_PAGES, names)


@cache
def catalogue() -> Catalogue:
    """The catalogue of this execution environment."""
    return Catalogue(kept())


def tell_view(product: ProductDetailView) -> None:
    """Somebody looks at the product. Never fails, and hardly takes time."""
    passing_events().tell(
        ProductViewed(
            aggregate_id=UUID(product.product_id),
            aggregate_version=product.version,
            product_id=UUID(product.product_id),
        )
    )


def _states(ids: Collection[str]) -> dict[str, ProductState]:
    return in_transaction(lambda shop: shop.products.states(ids)) if ids else {}


def _composed(card: ProductCard, state: ProductState) -> ProductDetailView:
    return ProductDetailView(
        **dict(card), like_count=state.like_count, stock_quantity=state.stock_quantity
    )


def _listed(product: ProductDetailView) -> ProductView:
    return ProductView(**{name: getattr(product, name) for name in ProductView.model_fields})


def _name_of(sort: Sort, brand_id: UUID | None) -> str:
    return f"{sort}:{brand_id or 'all'}"
