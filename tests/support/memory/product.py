"""Products and stock in memory: what a write changes, the next read sees."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from copy import deepcopy
from dataclasses import fields
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from commerce.product import Sort
from commerce.product.model import Product, ProductState, ProductSummary, Stock
from commerce.product.repository import COUNTED, SOLD, Stocks, Units
from commerce.product.sale_terms import Availability
from commerce.runtime.audit import Change
from commerce.runtime.db.connection import Contention
from commerce.runtime.db.unit_of_work import ErrorFactory
from commerce.shared import clock
from commerce.shared.events import Event

Position: TypeAlias = tuple[int | UUID, ...]

_POSITIONS: dict[Sort, Callable[[Product], Position]] = {
    Sort.LATEST: lambda product: (product.id,),
    Sort.PRICE_ASC: lambda product: (product.price.amount, product.id),
    Sort.LIKES_DESC: lambda product: (product.like_count, product.id),
}


class MemoryProductRepository:
    """Implements commerce.product.repository.ProductRepository without a database."""

    def __init__(self) -> None:
        self._products: dict[UUID, Product] = {}
        self._unlikes_ahead = Counter[UUID]()
        self.movements: list[tuple[UUID, int, str, UUID | None]] = []
        self.events: list[Event] = []
        self.changes: list[Change] = []

    def find_all(self, ids: Collection[UUID]) -> dict[UUID, Product]:
        found = {id_: deepcopy(self._products[id_]) for id_ in ids if id_ in self._products}
        for each in found.values():
            each.is_sold_out = each.stock.quantity == 0
        return found

    def find_summaries(self, ids: Collection[UUID]) -> dict[UUID, ProductSummary]:
        return {id_: _summary(product) for id_, product in self.find_all(ids).items()}

    def page(
        self, sort: Sort, brand_id: UUID | None, after: Sequence[int | str | UUID], limit: int
    ) -> list[ProductSummary]:
        return [_summary(product) for product in self._page(sort, brand_id, after, limit)]

    def _page(
        self, sort: Sort, brand_id: UUID | None, after: Sequence[int | str | UUID], limit: int
    ) -> list[Product]:
        position, descending = _POSITIONS[sort], sort is not Sort.PRICE_ASC
        found = [
            product
            for product in self._products.values()
            if brand_id in (None, product.brand_id)
            and product.terms.is_visible(clock.now())
            and (not after or _is_behind(position(product), after, descending=descending))
        ]
        return deepcopy(sorted(found, key=position, reverse=descending)[:limit])

    def first_positions(
        self, sort: Sort, brand_id: UUID | None, limit: int
    ) -> list[tuple[int | UUID, ...]]:
        return [_POSITIONS[sort](product) for product in self._page(sort, brand_id, [], limit)]

    def next_opening(self) -> datetime | None:
        opens = (each.terms.shown_from for each in self._products.values())
        now = clock.now()
        return min((each for each in opens if each and each > now), default=None)

    def require_visible(self, ids: Collection[UUID], *, on_hidden: ErrorFactory) -> None:
        now, found = clock.now(), self.find_all(ids)
        if not all(id_ in found and found[id_].terms.is_visible(now) for id_ in ids):
            raise on_hidden() or Contention("products_visible")

    def find_states(self, ids: Collection[UUID]) -> list[ProductState]:
        return [
            ProductState(
                id_,
                found.version,
                found.like_count,
                found.stock.quantity,
                found.stock.counted,
                found.terms,
            )
            for id_, found in self.find_all(ids).items()
        ]

    def count_likes(self, changes: Units) -> None:
        for id_ in changes.keys() & self._products.keys():
            net = self._products[id_].like_count - self._unlikes_ahead[id_] + changes[id_]
            self._products[id_].like_count = max(net, 0)
            self._unlikes_ahead[id_] = max(-net, 0)

    def add(self, product: Product) -> None:
        kept = deepcopy(product)
        kept.stock = Stock(product.id, 0)
        self._products[product.id] = kept

    def save(self, product: ProductSummary, *, on_stale: ErrorFactory) -> None:
        kept = self._products[product.id]
        if kept.version != product.version - 1:
            raise on_stale() or Contention("product_as_read")
        for each in fields(ProductSummary):
            if each.name not in ("like_count", "events"):
                setattr(kept, each.name, getattr(product, each.name))
        self.events.extend(product.events)

    def record(self, change: Change) -> None:
        self.changes.append(change)

    def lock_stock(self, product_id: UUID) -> Stock | None:
        found = self._products.get(product_id)
        return deepcopy(found.stock) if found else None

    def set_stock(self, stock: Stock, quantity: int) -> None:
        self._products[stock.product_id].stock.counted += 1
        if quantity != stock.quantity:
            change = {stock.product_id: quantity - stock.quantity}
            self.move_stock(change, reason=COUNTED, order_id=None)

    def sell(
        self,
        wanted: Units,
        stocks: Stocks,
        *,
        order_id: UUID,
        windowed: Collection[UUID] = (),
        on_out_of_stock: ErrorFactory,
    ) -> None:
        now = clock.now()
        if any(
            self._products[id_].terms.availability(now, is_sold_out=False) != Availability.ON_SALE
            for id_ in windowed
        ):
            raise on_out_of_stock() or Contention("products_on_sale")
        changes = {id_: -quantity for id_, quantity in wanted.items()}
        self._move(changes, SOLD, order_id, on_out_of_stock)

    def move_stock(self, changes: Units, *, reason: str, order_id: UUID | None) -> None:
        self._move(changes, reason, order_id, lambda: None)

    def _move(
        self, changes: Units, reason: str, order_id: UUID | None, on_out_of_stock: ErrorFactory
    ) -> None:
        left = {
            id_: self._products[id_].stock.quantity + change
            for id_, change in changes.items()
            if id_ in self._products
        }
        if len(left) < len(changes) or min(left.values(), default=0) < 0:
            raise on_out_of_stock() or Contention("stock_sufficient")
        for id_, change in changes.items():
            self._products[id_].stock.quantity = left[id_]
            self.movements.append((id_, change, reason, order_id))


def _summary(product: Product) -> ProductSummary:
    shown = {each.name: getattr(product, each.name) for each in fields(ProductSummary)}
    return ProductSummary(**{**shown, "is_sold_out": product.stock.quantity == 0})


def _is_behind(position: Position, after: Sequence[object], *, descending: bool) -> bool:
    at = tuple(after)
    return position < at if descending else position > at
