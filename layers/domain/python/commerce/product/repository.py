"""Products and stock in PostgreSQL."""

import random
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from commerce.product import stripes
from commerce.product.commands import Sort
from commerce.product.model import Product, ProductState, ProductSummary, SalesSpike, Stock
from commerce.product.sort_orders import SORT_ORDERS, page_name, parameter
from commerce.runtime import audit
from commerce.runtime.audit import Change
from commerce.runtime.db.pipeline import Query, Row
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import ErrorFactory, UnitOfWork
from commerce.shared import clock, trace
from commerce.shared.money import Money

if TYPE_CHECKING:
    from commerce.product import statements as sql
    from commerce.product import stripe_statements as striped
else:
    sql = precompiled("commerce.product.statements")
    striped = precompiled("commerce.product.stripe_statements")

SOLD = "SOLD"
"""Why stock was moved: an order took it."""


class ProductRepository(Protocol):
    """Where products and their stock are kept."""

    def find_all(self, ids: Collection[UUID]) -> dict[UUID, Product]:
        """Those of the products that exist."""

    def find_summaries(self, ids: Collection[UUID]) -> dict[UUID, ProductSummary]:
        """The same without their stock."""

    def page(
        self, sort: Sort, brand_id: UUID | None, after: Sequence[int | str | UUID], limit: int
    ) -> list[ProductSummary]:
        """Products in the order of `sort`, behind the position `after` (empty: from the top)."""

    def first_positions(
        self, sort: Sort, brand_id: UUID | None, limit: int
    ) -> list[tuple[int | UUID, ...]]:
        """The sort keys of the first products, each ending with the id."""

    def find_states(self, ids: Collection[UUID]) -> list[ProductState]:
        """What changes of those of the products that exist."""

    def count_likes(self, changes: Mapping[UUID, int]) -> None:
        """Add likes given less those taken back; the count of a product is never below zero."""

    def add(self, product: Product) -> None:
        """Keep a new product, without stock."""

    def save(self, product: ProductSummary, *, outdated: ErrorFactory) -> None:
        """Keep an edited product, and tell it; `outdated` explains where somebody was faster."""

    def record(self, change: Change) -> None:
        """Write down what an admin changes."""

    def lock_stock(self, product_id: UUID) -> Stock | None:
        """The stock, locked until the transaction ends."""

    def note_count(self, product_id: UUID) -> None:
        """An admin has said how many units there are."""

    def move_stock(
        self,
        changes: Mapping[UUID, int],
        *,
        reason: str,
        order_id: UUID | None,
        refused: ErrorFactory,
    ) -> None:
        """Add each change to its product's stock, outside of its stripes.

        `refused` explains what cannot be taken from there.
        """

    def sell(
        self,
        wanted: Mapping[UUID, int],
        from_stripes: Mapping[UUID, Sequence[int]],
        *,
        order_id: UUID,
        refused: ErrorFactory,
    ) -> None:
        """Take units of each product; `refused` explains what cannot be taken.

        `from_stripes` names the stripes, of each product that has any, with more than is wanted.
        """

    def gather_stock(self, product_id: UUID) -> None:
        """Bring what the stripes of a locked stock have into its own row."""

    def deal_stock(self, product_id: UUID) -> None:
        """Deal a locked stock out to its stripes, if it is worth it."""

    def set_stripes(self, product_id: UUID, count: int, *, is_fixed: bool) -> None:
        """Give a locked stock, gathered before, so many stripes, all empty."""

    def find_sales_spikes(self, since: datetime, *, hot: int, cool: int) -> list[SalesSpike]:
        """Products that have no stripes, and were sold `hot` times or more since then; and those
        that have some, and were sold less than `cool` times. Not where an admin has decided.
        """


class SqlProductRepository:
    """The products of the database."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def find_all(self, ids: Collection[UUID]) -> dict[UUID, Product]:
        return {row.id: _product(row) for row in self._uow.read(sql.SOME(ids=list(ids)))}

    def find_summaries(self, ids: Collection[UUID]) -> dict[UUID, ProductSummary]:
        return {row.id: _summary(row) for row in self._uow.read(sql.SOME_SUMMARIES(ids=list(ids)))}

    def page(
        self, sort: Sort, brand_id: UUID | None, after: Sequence[int | str | UUID], limit: int
    ) -> list[ProductSummary]:
        query = sql.PAGES[page_name(sort, by_brand=brand_id is not None)](
            **_place(sort, brand_id, after), limit=limit
        )
        return [_summary(row) for row in self._uow.read(query)]

    def first_positions(
        self, sort: Sort, brand_id: UUID | None, limit: int
    ) -> list[tuple[int | UUID, ...]]:
        query = sql.POSITIONS[page_name(sort, by_brand=brand_id is not None)](
            **_place(sort, brand_id), limit=limit
        )
        return [tuple(row) for row in self._uow.read(query)]

    def find_states(self, ids: Collection[UUID]) -> list[ProductState]:
        return [ProductState(*row) for row in self._uow.read(sql.STATES(ids=list(ids)))]

    def count_likes(self, changes: Mapping[UUID, int]) -> None:
        rows = [{"id": str(id_), "change": change} for id_, change in changes.items()]
        self._uow.write(sql.LOCK_COUNTS(ids=list(changes)))
        self._uow.write(sql.COUNT_LIKES(changes=rows))

    def add(self, product: Product) -> None:
        self._uow.write(
            sql.ADD(
                id=product.id,
                brand_id=product.brand_id,
                name=product.name,
                description=product.description,
                price_amount=product.price.amount,
                price_currency=product.price.currency,
                like_count=product.like_count,
                version=product.version,
                created_at=product.created_at,
            )
        )
        self._uow.write(sql.ADD_STOCK(product_id=product.id))

    def save(self, product: ProductSummary, *, outdated: ErrorFactory) -> None:
        self._uow.write(
            sql.SAVE(
                row_id=product.id,
                version_read=product.version - 1,
                new_version=product.version,
                new_brand_id=product.brand_id,
                new_name=product.name,
                new_description=product.description,
                new_price_amount=product.price.amount,
            ),
            {"product_as_read": outdated},
        )
        self._uow.record(product.changed())

    def record(self, change: Change) -> None:
        audit.record(self._uow, change)

    def lock_stock(self, product_id: UUID) -> Stock | None:
        found, dealt = self._uow.lock_together(
            sql.LOCK_STOCK(ids=[product_id]), striped.LOCK(ids=[product_id])
        )
        for row in found:
            units = tuple(each.quantity for each in dealt)
            in_all = row.quantity + sum(units)
            return Stock(row.product_id, in_all, row.counted, units, row.stripes_fixed)
        return None

    def note_count(self, product_id: UUID) -> None:
        self._uow.write(sql.COUNTED(counted_id=product_id))

    def move_stock(
        self,
        changes: Mapping[UUID, int],
        *,
        reason: str,
        order_id: UUID | None,
        refused: ErrorFactory,
    ) -> None:
        self._uow.write_last(
            *_moving(changes, reason, order_id),
            on_violation={"stock_sufficient": refused, "stock_not_negative": refused},
        )

    def sell(
        self,
        wanted: Mapping[UUID, int],
        from_stripes: Mapping[UUID, Sequence[int]],
        *,
        order_id: UUID,
        refused: ErrorFactory,
    ) -> None:
        changes = {product_id: -quantity for product_id, quantity in wanted.items()}
        if not from_stripes:
            self.move_stock(changes, reason=SOLD, order_id=order_id, refused=refused)
            return
        ids = list(from_stripes)
        lock, move = _moving(changes, SOLD, order_id)
        self._uow.write_last(
            lock, striped.LOCK(ids=ids), striped.GATHER(ids=ids), move, _dealing(ids),
            on_violation={"stock_sufficient": refused, "stock_not_negative": refused},
        )  # fmt: skip
        if all(from_stripes.values()):
            plain = {id_: change for id_, change in changes.items() if id_ not in from_stripes}
            self._uow.with_fallback(
                *(_moving(plain, SOLD, order_id) if plain else ()),
                *(
                    _taking(id_, wanted[id_], from_stripes[id_], order_id)
                    for id_ in sorted(from_stripes)
                ),
                unless=stripes.IF_NOT,
            )

    def gather_stock(self, product_id: UUID) -> None:
        self._uow.write_last(striped.GATHER(ids=[product_id]), on_violation={})

    def deal_stock(self, product_id: UUID) -> None:
        self._uow.write_last(_dealing([product_id]), on_violation={})

    def set_stripes(self, product_id: UUID, count: int, *, is_fixed: bool) -> None:
        self._uow.write_last(
            striped.FIX(product_id=product_id, is_fixed=is_fixed),
            striped.CLEAR(ids=[product_id]),
            striped.ADD(rows=_empty_stripes(product_id, count)),
            on_violation={},
        )

    def find_sales_spikes(self, since: datetime, *, hot: int, cool: int) -> list[SalesSpike]:
        query = striped.SALES_SPIKES(
            since=since, hot=hot, cool=cool, newest=stripes.NEWEST_MOVEMENTS
        )
        return [SalesSpike(*row) for row in self._uow.read(query)]


def _moving(changes: Mapping[UUID, int], reason: str, order_id: UUID | None) -> tuple[Query, Query]:
    """Lock the stocks' rows, and add the changes to them."""
    moves = [
        {
            "product_id": str(product_id),
            "change": change,
            "changed_id": str(clock.new_id()),
            "turned_id": str(clock.new_id()),
        }
        for product_id, change in changes.items()
    ]
    move = sql.MOVE_STOCK(
        moves=moves,
        reason=reason,
        order_id=order_id,
        at=clock.now(),
        trace_id=trace.trace_id(),
        expected=len(changes),
    )
    return sql.LOCK_STOCK(ids=list(changes)), move


def _taking(product_id: UUID, quantity: int, numbers: Sequence[int], order_id: UUID) -> Query:
    """Take units out of one of these stripes, each taker beginning elsewhere."""
    return striped.TAKE(
        product_id=product_id,
        quantity=quantity,
        numbers=random.sample(numbers, len(numbers)),
        changed_id=clock.new_id(),
        reason=SOLD,
        order_id=order_id,
        at=clock.now(),
        trace_id=trace.trace_id(),
    )


def _dealing(product_ids: Collection[UUID]) -> Query:
    return striped.DEAL(ids=list(product_ids), worth_dealing=stripes.WORTH_DEALING)


def _empty_stripes(product_id: UUID, count: int) -> list[dict[str, Any]]:
    return [
        {
            "id": str(clock.new_id()),
            "product_id": str(product_id),
            "number": number,
            "quantity": 0,
            "version": 0,
        }
        for number in range(count)
    ]


def _place(
    sort: Sort, brand_id: UUID | None, after: Sequence[int | str | UUID] = ()
) -> dict[str, Any]:
    order = SORT_ORDERS[sort]
    place: dict[str, Any] = {
        parameter(column): value
        for column, value in zip(order.key, after or order.start, strict=True)
    }
    return place if brand_id is None else {**place, parameter("brand_id"): brand_id}


def _summary(row: Row) -> ProductSummary:
    return ProductSummary(
        id=row.id,
        brand_id=row.brand_id,
        name=row.name,
        description=row.description,
        price=Money(row.price_amount, row.price_currency),
        like_count=row.like_count,
        version=row.version,
    )


def _product(row: Row) -> Product:
    return Product(
        id=row.id,
        brand_id=row.brand_id,
        name=row.name,
        description=row.description,
        price=Money(row.price_amount, row.price_currency),
        like_count=row.like_count,
        version=row.version,
        created_at=row.created_at,
        stock=Stock(
            row.id, row.quantity + sum(row.stripes), row.counted, stripes=tuple(row.stripes)
        ),
    )
