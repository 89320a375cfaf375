"""Products and stock in memory: what a write changes, the next read sees."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from copy import deepcopy
from dataclasses import fields, replace
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from commerce.product import Sort
from commerce.product.model import (
    Balance,
    Cause,
    Move,
    Movement,
    Product,
    ProductState,
    ProductSummary,
    Stock,
    StockLevels,
)
from commerce.product.repository import Stocks, Units
from commerce.product.sale_terms import Availability
from commerce.runtime.audit import Change
from commerce.runtime.db.connection import Contention
from commerce.runtime.db.pipeline import Query
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
        self._levels: dict[UUID, StockLevels] = {}
        self.movements: list[Movement] = []
        self.events: list[Event] = []
        self.changes: list[Change] = []

    @property
    def moved(self) -> list[tuple[UUID, int, str, UUID | None]]:
        """Product, change of what is available, reason and order of each movement."""
        return [
            (each.move.product_id, each.move.change, each.cause.reason, each.cause.order_id)
            for each in self.movements
        ]

    def reads_of_all(self, ids: Collection[UUID]) -> Sequence[Query]:
        return ()

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
                found.stock.version,
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
        self._keep(StockLevels(product.id, Balance(0, 0), version=1))

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

    def find_levels(self, product_id: UUID) -> StockLevels | None:
        return self._levels.get(product_id)

    def lock_stock(self, product_id: UUID) -> StockLevels | None:
        return self._levels.get(product_id)

    def find_movements(
        self, product_id: UUID, before: int, limit: int
    ) -> tuple[StockLevels, list[Movement]] | None:
        if product_id not in self._levels:
            return None
        found = [
            each
            for each in reversed(self.movements)
            if each.move.product_id == product_id and each.id < before
        ]
        return self._levels[product_id], found[:limit]

    def change_stock(self, locked: StockLevels, move: Move, cause: Cause) -> None:
        if move.change or move.on_hand_change:
            self._move([move], cause, lambda: None)
        else:
            self._keep(replace(locked, version=locked.version + 1))

    def move_stock(self, moves: Collection[Move], cause: Cause) -> None:
        self._move(moves, cause, lambda: None)

    def sell(
        self,
        wanted: Units,
        stocks: Stocks,
        cause: Cause,
        *,
        windowed: Collection[UUID] = (),
        on_out_of_stock: ErrorFactory,
    ) -> None:
        now = clock.now()
        if any(
            self._products[id_].terms.availability(now, is_sold_out=False) != Availability.ON_SALE
            for id_ in windowed
        ):
            raise on_out_of_stock() or Contention("products_on_sale")
        moves = [Move(id_, -quantity) for id_, quantity in wanted.items()]
        self._move(moves, cause, on_out_of_stock)

    def _move(self, moves: Collection[Move], cause: Cause, on_out_of_stock: ErrorFactory) -> None:
        after = [
            self._after(self._levels[move.product_id], move, cause)
            for move in moves
            if move.product_id in self._levels
        ]
        if len(after) < len(moves) or min((e.balance.available for e in after), default=0) < 0:
            raise on_out_of_stock() or Contention("stock_sufficient")
        for levels, move in zip(after, moves, strict=True):
            self._keep(levels)
            self.movements.append(Movement(len(self.movements) + 1, clock.now(), move, cause))

    def _after(self, levels: StockLevels, move: Move, cause: Cause) -> StockLevels:
        held = move.on_hand_change - move.change if cause.drop_id else 0
        return replace(levels.after(move), allotted=levels.allotted + held)

    def _keep(self, levels: StockLevels) -> None:
        self._levels[levels.product_id] = levels
        stock = self._products[levels.product_id].stock
        stock.quantity, stock.version = levels.balance.available, levels.version


def _summary(product: Product) -> ProductSummary:
    shown = {each.name: getattr(product, each.name) for each in fields(ProductSummary)}
    return ProductSummary(**{**shown, "is_sold_out": product.stock.quantity == 0})


def _is_behind(position: Position, after: Sequence[object], *, descending: bool) -> bool:
    at = tuple(after)
    return position < at if descending else position > at
