"""Products and stock in memory: what a write changes, the next read sees."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import fields
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from commerce.product import Sort
from commerce.product.model import Product, ProductState, ProductSummary, SalesSpike, Stock
from commerce.product.repository import SOLD
from commerce.product.stripes import WORTH_DEALING
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
    """The promises of commerce.product.repository.ProductRepository, without a database."""

    def __init__(self) -> None:
        self._products: dict[UUID, Product] = {}
        self._unlikes_ahead = Counter[UUID]()
        self.movements: list[tuple[UUID, int, str, UUID | None]] = []
        self._sold: list[tuple[UUID, datetime]] = []
        self.events: list[Event] = []
        self.changes: list[Change] = []

    def find_all(self, ids: Collection[UUID]) -> dict[UUID, Product]:
        return {id_: deepcopy(self._products[id_]) for id_ in ids if id_ in self._products}

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
            and (not after or _is_behind(position(product), after, descending=descending))
        ]
        return deepcopy(sorted(found, key=position, reverse=descending)[:limit])

    def first_positions(
        self, sort: Sort, brand_id: UUID | None, limit: int
    ) -> list[tuple[int | UUID, ...]]:
        return [_POSITIONS[sort](product) for product in self._page(sort, brand_id, [], limit)]

    def find_states(self, ids: Collection[UUID]) -> list[ProductState]:
        return [
            ProductState(
                id_, found.version, found.like_count, found.stock.quantity, found.stock.counted
            )
            for id_, found in self.find_all(ids).items()
        ]

    def count_likes(self, changes: Mapping[UUID, int]) -> None:
        for id_ in changes.keys() & self._products.keys():
            net = self._products[id_].like_count - self._unlikes_ahead[id_] + changes[id_]
            self._products[id_].like_count = max(net, 0)
            self._unlikes_ahead[id_] = max(-net, 0)

    def add(self, product: Product) -> None:
        kept = deepcopy(product)
        kept.stock = Stock(product.id, 0)
        self._products[product.id] = kept

    def save(self, product: ProductSummary, *, outdated: ErrorFactory) -> None:
        kept = self._products[product.id]
        if kept.version != product.version - 1:
            raise outdated() or Contention("product_as_read")
        for each in fields(ProductSummary):
            if each.name != "like_count":
                setattr(kept, each.name, getattr(product, each.name))
        self.events.append(product.changed())

    def record(self, change: Change) -> None:
        self.changes.append(change)

    def note_count(self, product_id: UUID) -> None:
        self._products[product_id].stock.counted += 1

    def lock_stock(self, product_id: UUID) -> Stock | None:
        found = self._products.get(product_id)
        return deepcopy(found.stock) if found else None

    def gather_stock(self, product_id: UUID) -> None:
        stock = self._products[product_id].stock
        stock.stripes = (0,) * len(stock.stripes)

    def deal_stock(self, product_id: UUID) -> None:
        stock = self._products[product_id].stock
        if stock.stripes and stock.quantity >= WORTH_DEALING * len(stock.stripes):
            stock.stripes = (stock.quantity // len(stock.stripes),) * len(stock.stripes)

    def set_stripes(self, product_id: UUID, count: int, *, is_fixed: bool) -> None:
        stock = self._products[product_id].stock
        stock.stripes, stock.stripes_fixed = (0,) * count, is_fixed

    def find_sales_spikes(self, since: datetime, *, hot: int, cool: int) -> list[SalesSpike]:
        sold = Counter(id_ for id_, at in self._sold if at > since)
        stocks = [product.stock for product in self._products.values()]
        return [
            SalesSpike(stock.product_id, bool(stock.stripes), sold[stock.product_id])
            for stock in sorted(stocks, key=lambda each: each.product_id)
            if not stock.stripes_fixed
            and (sold[stock.product_id] < cool if stock.stripes else sold[stock.product_id] >= hot)
        ]

    def sell(
        self,
        wanted: Mapping[UUID, int],
        from_stripes: Mapping[UUID, Sequence[int]],
        *,
        order_id: UUID,
        refused: ErrorFactory,
    ) -> None:
        changes = {id_: -quantity for id_, quantity in wanted.items()}
        self.move_stock(changes, reason=SOLD, order_id=order_id, refused=refused)
        self._sold += [(id_, clock.now()) for id_ in wanted]
        for id_ in from_stripes:
            self.gather_stock(id_)
            self.deal_stock(id_)

    def move_stock(
        self,
        changes: Mapping[UUID, int],
        *,
        reason: str,
        order_id: UUID | None,
        refused: ErrorFactory,
    ) -> None:
        left = {
            id_: self._products[id_].stock.quantity + change
            for id_, change in changes.items()
            if id_ in self._products
        }
        if len(left) < len(changes) or min(left.values(), default=0) < 0:
            raise refused() or Contention("stock_sufficient")
        for id_, change in changes.items():
            self._products[id_].stock.quantity = left[id_]
            self.movements.append((id_, change, reason, order_id))


def _summary(product: Product) -> ProductSummary:
    return ProductSummary(
        **{each.name: getattr(product, each.name) for each in fields(ProductSummary)}
    )


def _is_behind(position: Position, after: Sequence[object], *, descending: bool) -> bool:
    at = tuple(after)
    return position < at if descending else position > at
