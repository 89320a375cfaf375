"""Products and stock in PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias
from uuid import UUID

from commerce.product.commands import Sort
from commerce.product.model import (
    NEVER_EDITED,
    PLAIN_FIELDS,
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
from commerce.product.sale_terms import SaleTerms
from commerce.product.sort_orders import SORT_ORDERS, page_name, parameter
from commerce.product.striping import repository as striping
from commerce.runtime import audit
from commerce.runtime.audit import Change
from commerce.runtime.db.pipeline import Query, Row
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import ErrorFactory, UnitOfWork
from commerce.shared import clock, trace
from commerce.shared.money import Money

if TYPE_CHECKING:
    from commerce.product import statements as sql
else:
    sql = precompiled("commerce.product.statements")

Units: TypeAlias = Mapping[UUID, int]
Stocks: TypeAlias = Mapping[UUID, Stock]


class ProductRepository(Protocol):
    """The store of products and their stock."""

    def reads_of_all(self, ids: Collection[UUID]) -> Sequence[Query]:
        """Return what `find_all` will read."""

    def find_all(self, ids: Collection[UUID]) -> dict[UUID, Product]:
        """Find those of the products that exist."""

    def find_summaries(self, ids: Collection[UUID]) -> dict[UUID, ProductSummary]:
        """Find the same without their stock."""

    def page(
        self, sort: Sort, brand_id: UUID | None, after: Sequence[int | str | UUID], limit: int
    ) -> list[ProductSummary]:
        """Find visible products in the order of `sort`, after a position (empty: the start)."""

    def first_positions(
        self, sort: Sort, brand_id: UUID | None, limit: int
    ) -> list[tuple[int | UUID, ...]]:
        """Find the sort keys of the first visible products, each ending with the id."""

    def next_opening(self) -> datetime | None:
        """Find the next moment at which a product becomes visible."""

    def require_visible(self, ids: Collection[UUID], *, on_hidden: ErrorFactory) -> None:
        """Prove with the commit that shoppers see the products."""

    def find_states(self, ids: Collection[UUID]) -> list[ProductState]:
        """Find stock and likes of those of the products that exist."""

    def count_likes(self, changes: Units) -> None:
        """Add likes less unlikes to the counts, none of which falls below zero."""

    def add(self, product: Product) -> None:
        """Store a new product, without stock."""

    def save(self, product: ProductSummary, *, on_stale: ErrorFactory) -> None:
        """Store an edited product with its events; `on_stale`: another edit was stored first."""

    def record(self, change: Change) -> None:
        """Record an admin's change in the audit."""

    def find_levels(self, product_id: UUID) -> StockLevels | None:
        """Find the units of a product as they are now."""

    def lock_stock(self, product_id: UUID) -> StockLevels | None:
        """Find the units of a product, and lock them until the transaction ends."""

    def find_movements(
        self, product_id: UUID, before: int, limit: int
    ) -> tuple[StockLevels, list[Movement]] | None:
        """Find movements with smaller ids than `before`, newest first, and the units now."""

    def change_stock(self, locked: StockLevels, move: Move, cause: Cause) -> None:
        """Make a move of a locked stock; one that changes nothing makes a new version too."""

    def move_stock(self, moves: Collection[Move], cause: Cause) -> None:
        """Make the moves, all or none, without use of what is in stripes."""

    def sell(
        self,
        wanted: Units,
        stocks: Stocks,
        cause: Cause,
        *,
        windowed: Collection[UUID] = (),
        on_out_of_stock: ErrorFactory,
    ) -> None:
        """Take units of each product, all or none, decided on the stocks as they were read.

        `windowed` are those whose sale begins or ends at a moment: the database's clock decides
        whether they are on sale, and `on_out_of_stock` makes that error too.
        """


class SqlProductRepository:
    """The products in PostgreSQL."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def reads_of_all(self, ids: Collection[UUID]) -> Sequence[Query]:
        return [sql.FIND_ALL(ids=list(ids))]

    def find_all(self, ids: Collection[UUID]) -> dict[UUID, Product]:
        [query] = self.reads_of_all(ids)
        return {row.id: _product(row) for row in self._uow.read(query)}

    def find_summaries(self, ids: Collection[UUID]) -> dict[UUID, ProductSummary]:
        return {row.id: _summary(row) for row in self._uow.read(sql.FIND_SUMMARIES(ids=list(ids)))}

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

    def next_opening(self) -> datetime | None:
        [row] = self._uow.read(sql.NEXT_OPENING())
        found: datetime | None = row.at
        return found

    def require_visible(self, ids: Collection[UUID], *, on_hidden: ErrorFactory) -> None:
        self._uow.write(sql.VISIBLE(ids=list(ids)), {"products_visible": on_hidden})

    def find_states(self, ids: Collection[UUID]) -> list[ProductState]:
        return [_state(row) for row in self._uow.read(sql.FIND_STATES(ids=list(ids)))]

    def count_likes(self, changes: Units) -> None:
        rows = [{"id": str(id_), "change": change} for id_, change in changes.items()]
        self._uow.write(sql.LOCK_COUNTS(ids=list(changes)))
        self._uow.write(sql.COUNT_LIKES(changes=rows))

    def add(self, product: Product) -> None:
        self._uow.write(sql.ADD(created_at=product.created_at, **_columns_of(product)))
        self._uow.write(sql.ADD_STOCK(product_id=product.id))

    def save(self, product: ProductSummary, *, on_stale: ErrorFactory) -> None:
        columns = _columns_of(product)
        saving = sql.SAVE(
            row_id=product.id,
            version_read=product.version - 1,
            **{f"new_{name}": columns[name] for name in columns.keys() - NEVER_EDITED},
        )
        self._uow.write(saving, {"product_as_read": on_stale})
        self._uow.record(*product.events)

    def record(self, change: Change) -> None:
        audit.record(self._uow, change)

    def find_levels(self, product_id: UUID) -> StockLevels | None:
        for row in self._uow.read(sql.FIND_LEVELS(product_id=product_id)):
            return _levels(row)
        return None

    def lock_stock(self, product_id: UUID) -> StockLevels | None:
        found, stripes = self._uow.lock_together(
            sql.LOCK_LEVELS(product_id=product_id), striping.locking(product_id)
        )
        for row in found:
            return _levels(row, stripes)
        return None

    def find_movements(
        self, product_id: UUID, before: int, limit: int
    ) -> tuple[StockLevels, list[Movement]] | None:
        query = sql.MOVEMENTS(product_id=product_id, before=before, limit=limit)
        found = self._uow.read(query)
        if not found:
            return None
        return _levels(found[0]), [_movement(row) for row in found if row.id is not None]

    def change_stock(self, locked: StockLevels, move: Move, cause: Cause) -> None:
        if not (move.change or move.on_hand_change):
            self._uow.write(sql.CONFIRM_STOCK(confirmed_id=locked.product_id))
            return
        striped = [locked.product_id] if locked.is_striped else []
        self._move(*striping.gathered(striped, *_moving([move], cause)))

    def move_stock(self, moves: Collection[Move], cause: Cause) -> None:
        self._move(*_moving(moves, cause))

    def sell(
        self,
        wanted: Units,
        stocks: Stocks,
        cause: Cause,
        *,
        windowed: Collection[UUID] = (),
        on_out_of_stock: ErrorFactory,
    ) -> None:
        on_sale = [sql.ON_SALE(ids=list(windowed))] if windowed else []
        moves = [Move(product_id, -quantity) for product_id, quantity in wanted.items()]
        gathered = striping.gathered(
            striping.striped_among(stocks.values()), *_moving(moves, cause)
        )
        self._move(*gathered, *on_sale, on_out_of_stock=on_out_of_stock)
        if taking := striping.taking(stocks, wanted, cause):
            rest = [each for each in moves if each.product_id not in taking]
            self._uow.with_fallback(
                *(_moving(rest, cause) if rest else ()),
                *taking.values(),
                *on_sale,
                unless=striping.STRIPE_HAS_MORE,
            )

    # Without an explanation a violation is a lost race: the use case is repeated.
    def _move(self, *queries: Query, on_out_of_stock: ErrorFactory = lambda: None) -> None:
        rules = ("stock_sufficient", "stock_not_negative", "products_on_sale")
        self._uow.write_last(*queries, on_violation=dict.fromkeys(rules, on_out_of_stock))


def _moving(moves: Collection[Move], cause: Cause) -> tuple[Query, Query]:
    """Lock the stocks' own rows, and make the moves of them."""
    rows = [
        {
            "product_id": str(move.product_id),
            "change": move.change,
            "on_hand_change": move.on_hand_change,
            "changed_id": str(clock.new_id()),
            "turned_id": str(clock.new_id()),
        }
        for move in moves
    ]
    moving = sql.MOVE_STOCK(
        moves=rows,
        reason=cause.reason,
        order_id=cause.order_id,
        drop_id=cause.drop_id,
        by=cause.by,
        note=cause.note,
        at=clock.now(),
        trace_id=trace.trace_id(),
        expected=len(rows),
    )
    return sql.LOCK_STOCK(ids=[move.product_id for move in moves]), moving


def _levels(row: Row, stripes: Sequence[Row] = ()) -> StockLevels:
    """Make the levels of a row, to which the units and sales of locked stripes are added."""
    return StockLevels(
        row.product_id,
        Balance(row.on_hand, row.available + sum(each.quantity for each in stripes)),
        row.allotted,
        row.version + sum(each.version for each in stripes),
        row.is_opened,
        is_striped=bool(stripes),
    )


def _movement(row: Row) -> Movement:
    return Movement(
        row.id,
        row.at,
        Move(row.product_id, row.change, row.on_hand_change),
        Cause(
            reason=row.reason,
            by=row.by or "",
            order_id=row.order_id,
            drop_id=row.drop_id,
            note=row.note,
        ),
    )


def _place(
    sort: Sort, brand_id: UUID | None, after: Sequence[int | str | UUID] = ()
) -> dict[str, Any]:
    order = SORT_ORDERS[sort]
    place: dict[str, Any] = {
        parameter(column): value
        for column, value in zip(order.key, after or order.start, strict=True)
    }
    return place if brand_id is None else {**place, parameter("brand_id"): brand_id}


def _columns_of(product: ProductSummary) -> dict[str, Any]:
    """Return what is stored of a product, by column."""
    return {
        **{name: getattr(product, name) for name in PLAIN_FIELDS},
        "price_amount": product.price.amount,
        "price_currency": product.price.currency,
        **asdict(product.terms),
    }


def _fields_of(row: Row) -> dict[str, Any]:
    """Return what a row has of a product, by field: the inverse of `_columns_of`."""
    return {
        **{name: getattr(row, name) for name in PLAIN_FIELDS},
        "price": Money(row.price_amount, row.price_currency),
        "terms": _terms(row),
    }


def _summary(row: Row) -> ProductSummary:
    return ProductSummary(**_fields_of(row), is_sold_out=row.is_sold_out)


def _state(row: Row) -> ProductState:
    return ProductState(
        id=row.id,
        version=row.version,
        like_count=row.like_count,
        stock_quantity=row.stock_quantity,
        stock_version=row.stock_version,
        terms=_terms(row),
        at=row.at,
    )


def _terms(row: Row) -> SaleTerms:
    return SaleTerms(**{each.name: getattr(row, each.name) for each in fields(SaleTerms)})


def _product(row: Row) -> Product:
    stock = striping.stock_of(row.id, row.quantity, row.stock_version, row.stripes)
    return Product(
        **_fields_of(row),
        created_at=row.created_at,
        stock=stock,
        is_sold_out=stock.quantity == 0,
        read_at=row.read_at,
    )
