"""Products and stock in PostgreSQL."""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ScalarSelect,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    column,
    func,
    insert,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from commerce.product import stripes
from commerce.product.commands import Sort
from commerce.product.model import Card, Product, ProductState, Rush, Stock
from commerce.product.tables import product_table, stock_table
from commerce.shared import audit, clock, trace
from commerce.shared.audit import Change
from commerce.shared.database import Query, Row, Statement, records
from commerce.shared.money import Money
from commerce.shared.unit_of_work import Explain, UnitOfWork

SOLD = "SOLD"
"""Why stock was moved: an order took it."""

_p = product_table.c
_CARDS = select(
    _p.id, _p.brand_id, _p.name, _p.description, _p.price_amount, _p.price_currency,
    _p.like_count, _p.version,
)  # fmt: skip
_ROWS = _CARDS.add_columns(
    _p.created_at, stock_table.c.quantity, stock_table.c.counted, stripes.EACH.label("stripes")
).join_from(product_table, stock_table, stock_table.c.product_id == _p.id)

_IDS = bindparam("ids", type_=ARRAY(Uuid))
_SOME = Statement(_ROWS.where(_p.id == any_(_IDS)))
_SOME_CARDS = Statement(_CARDS.where(_p.id == any_(_IDS)))
_STATES = Statement(
    select(
        _p.id,
        _p.version,
        _p.like_count,
        stock_table.c.quantity + stripes.UNITS,
        stock_table.c.counted,
    )
    .join_from(product_table, stock_table, stock_table.c.product_id == _p.id)
    .where(_p.id == any_(_IDS))
)
_ADD = Statement(
    insert(product_table).values(
        {each.name: bindparam(each.name) for each in product_table.columns} | {"unlikes_ahead": 0}
    )
)
_ADD_STOCK = Statement(
    insert(stock_table).values(product_id=bindparam("product_id"), quantity=0, version=1)
)
_COUNTED = Statement(
    update(stock_table)
    .where(stock_table.c.product_id == bindparam("counted_id", type_=Uuid))
    .values(counted=stock_table.c.counted + 1)
)
_LOCK_STOCK = Statement(
    select(
        stock_table.c.product_id,
        stock_table.c.quantity,
        stock_table.c.counted,
        stock_table.c.stripes_fixed,
    )
    .where(stock_table.c.product_id == any_(_IDS))
    .order_by(stock_table.c.product_id)
    .with_for_update()
)

# Likes and unlikes arrive in any order, so an unlike may come before the like it takes back. Then
# the count stays at zero and the product remembers the unlike until its like has come.
_LOCK_COUNTS = Statement(
    select(_p.id).where(_p.id == any_(_IDS)).order_by(_p.id).with_for_update(key_share=True)
)
_CHANGES = records("changes", _p.id, column("change", BigInteger))
_NET_LIKES = _p.like_count - _p.unlikes_ahead + _CHANGES.c.change
_COUNT_LIKES = Statement(
    update(product_table)
    .where(_p.id == _CHANGES.c.id)
    .values(like_count=func.greatest(_NET_LIKES, 0), unlikes_ahead=func.greatest(-_NET_LIKES, 0))
)

# One statement for whatever moves stock, so that a movement and its events tell what the row
# became, not what somebody had read. A movement may tell two events: each row's version gives two
# versions to tell them apart. Whether the product turned is known under this row's lock, also where
# it has stripes. Its guard raises `stock_sufficient`.
_MOVE_STOCK = Statement(
    text(f"""
    WITH moved AS (
        UPDATE stock
        SET quantity = stock.quantity + move.change, version = stock.version + 1
        FROM jsonb_to_recordset(:moves)
            AS move(product_id uuid, change integer, changed_id uuid, turned_id uuid)
        WHERE stock.product_id = move.product_id AND stock.quantity + move.change >= 0
        RETURNING stock.product_id, change, changed_id, turned_id,
            stock.product_id AS aggregate_id, 2 * version AS aggregate_version,
            stock.quantity + (SELECT coalesce(sum(stripe.quantity), 0)
                FROM stock_stripe AS stripe WHERE stripe.product_id = stock.product_id) AS in_all
    ), kept AS ({stripes.KEEP}
    ), told AS ({stripes.TELL}
        UNION ALL
        SELECT turned_id, 'commerce.product', 'StockSoldOut', CAST(:at AS timestamptz),
            product_id, aggregate_version + 1, CAST(:trace_id AS text),
            jsonb_build_object('product_id', product_id)
        FROM moved WHERE change < 0 AND in_all = 0
        UNION ALL
        SELECT turned_id, 'commerce.product', 'StockReturned', CAST(:at AS timestamptz),
            product_id, aggregate_version + 1, CAST(:trace_id AS text),
            jsonb_build_object('product_id', product_id, 'quantity', in_all)
        FROM moved WHERE change > 0 AND in_all = change
    )
    SELECT require((SELECT count(*) FROM moved) = CAST(:expected AS bigint), 'stock_sufficient')
    """).bindparams(bindparam("moves", type_=JSONB))  # noqa: S608  (the text is ours)
)


@dataclass(frozen=True, slots=True)
class _Order:
    """How a sort walks: its key, its first position, its direction."""

    key: tuple[Any, ...]
    start: tuple[int | UUID, ...]
    descending: bool


_OLDEST, _NEWEST = UUID(int=0), UUID(int=2**128 - 1)
_ORDERS = {
    Sort.LATEST: _Order((_p.id,), (_NEWEST,), descending=True),
    Sort.PRICE_ASC: _Order((_p.price_amount, _p.id), (-1, _OLDEST), descending=False),
    Sort.LIKES_DESC: _Order((_p.like_count, _p.id), (2**63 - 1, _NEWEST), descending=True),
}


def _page_of(rows: Select[Any], sort: Sort, *, by_brand: bool) -> Select[Any]:
    """The rows behind a position, in their order: a walk along one index, whatever is in it.

    A brand's list leads with the brand in comparison and order, so that only the brand's own index
    has its order. The position is hidden in subqueries, so that PostgreSQL plans for any position:
    it judges a comparison of rows by their first column alone, and where that promises few rows it
    would sort them all, or skip the products of other brands one by one.
    """
    order = _ORDERS[sort]
    key = (_p.brand_id, *order.key) if by_brand else order.key
    here, after = tuple_(*key), tuple_(*(_hidden(each) for each in key))
    page = rows.where(here < after if order.descending else here > after)
    if by_brand:
        brand_id = _hidden(_p.brand_id)
        page = page.where(_p.brand_id >= brand_id if order.descending else _p.brand_id <= brand_id)
    directed = [each.desc() if order.descending else each.asc() for each in key]
    return page.order_by(*directed).limit(bindparam("limit", type_=BigInteger))


def _hidden(part: Any) -> ScalarSelect[Any]:
    """Where the page before ended, as a value that the planner does not look at."""
    return select(bindparam(_parameter(part), type_=part.type)).scalar_subquery()


def _parameter(part: Any) -> str:
    return f"after_{part.name}"


_LISTS = [(sort, by_brand) for sort in Sort for by_brand in (False, True)]
_PAGES = {
    (sort, by_brand): Statement(_page_of(_CARDS, sort, by_brand=by_brand))
    for sort, by_brand in _LISTS
}
_POSITIONS = {
    (sort, by_brand): Statement(_page_of(select(*_ORDERS[sort].key), sort, by_brand=by_brand))
    for sort, by_brand in _LISTS
}


def _save() -> Select[Any]:
    """Keep an edit of the version that was read; where it is another by now, a rule is broken."""
    saved = (
        update(product_table)
        .where(
            _p.id == bindparam("product_id", type_=Uuid),
            _p.version == bindparam("version_read", type_=BigInteger),
        )
        .values(
            brand_id=bindparam("new_brand_id", type_=Uuid),
            name=bindparam("new_name", type_=Text),
            description=bindparam("new_description", type_=Text),
            price_amount=bindparam("new_price_amount", type_=BigInteger),
            version=_p.version + 1,
        )
        .returning(_p.id)
        .cte("saved")
    )
    return select(func.require(func.count() == 1, "product_as_read")).select_from(saved)


_SAVE = Statement(_save)


class ProductRepository(Protocol):
    """Where products and their stock are kept."""

    def find_all(self, ids: Collection[UUID]) -> dict[UUID, Product]:
        """Those of the products that exist."""

    def find_cards(self, ids: Collection[UUID]) -> dict[UUID, Card]:
        """The same without their stock."""

    def page(
        self, sort: Sort, brand_id: UUID | None, after: Sequence[int | str | UUID], limit: int
    ) -> list[Card]:
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

    def save(self, product: Card, *, outdated: Explain) -> None:
        """Keep an edited product, and tell it; `outdated` explains where somebody was faster."""

    def record(self, change: Change) -> None:
        """Write down what an admin changes."""

    def lock_stock(self, product_id: UUID) -> Stock | None:
        """The stock, locked until the transaction ends."""

    def note_count(self, product_id: UUID) -> None:
        """An admin has said how many units there are."""

    def move_stock(
        self, changes: Mapping[UUID, int], *, reason: str, order_id: UUID | None, refused: Explain
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
        refused: Explain,
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

    def find_rushes(self, since: datetime, *, hot: int, cool: int) -> list[Rush]:
        """Products that have no stripes, and were sold `hot` times or more since then; and those
        that have some, and were sold less than `cool` times. Not where an admin has decided.
        """


class SqlProductRepository:
    """The products of the database."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def find_all(self, ids: Collection[UUID]) -> dict[UUID, Product]:
        return {row.id: _product(row) for row in self._uow.read(_SOME(ids=list(ids)))}

    def find_cards(self, ids: Collection[UUID]) -> dict[UUID, Card]:
        return {row.id: _card(row) for row in self._uow.read(_SOME_CARDS(ids=list(ids)))}

    def page(
        self, sort: Sort, brand_id: UUID | None, after: Sequence[int | str | UUID], limit: int
    ) -> list[Card]:
        query = _PAGES[sort, brand_id is not None](**_place(sort, brand_id, after), limit=limit)
        return [_card(row) for row in self._uow.read(query)]

    def first_positions(
        self, sort: Sort, brand_id: UUID | None, limit: int
    ) -> list[tuple[int | UUID, ...]]:
        query = _POSITIONS[sort, brand_id is not None](**_place(sort, brand_id), limit=limit)
        return [tuple(row) for row in self._uow.read(query)]

    def find_states(self, ids: Collection[UUID]) -> list[ProductState]:
        return [ProductState(*row) for row in self._uow.read(_STATES(ids=list(ids)))]

    def count_likes(self, changes: Mapping[UUID, int]) -> None:
        rows = [{"id": str(id_), "change": change} for id_, change in changes.items()]
        self._uow.write(_LOCK_COUNTS(ids=list(changes)))
        self._uow.write(_COUNT_LIKES(changes=rows))

    def add(self, product: Product) -> None:
        self._uow.write(
            _ADD(
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
        self._uow.write(_ADD_STOCK(product_id=product.id))

    def save(self, product: Card, *, outdated: Explain) -> None:
        self._uow.write(
            _SAVE(
                product_id=product.id,
                version_read=product.version - 1,
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
            _LOCK_STOCK(ids=[product_id]), stripes.LOCK(ids=[product_id])
        )
        for row in found:
            units = tuple(each.quantity for each in dealt)
            in_all = row.quantity + sum(units)
            return Stock(row.product_id, in_all, row.counted, units, row.stripes_fixed)
        return None

    def note_count(self, product_id: UUID) -> None:
        self._uow.write(_COUNTED(counted_id=product_id))

    def move_stock(
        self, changes: Mapping[UUID, int], *, reason: str, order_id: UUID | None, refused: Explain
    ) -> None:
        self._uow.write_contended(
            *_moving(changes, reason, order_id),
            refusals={"stock_sufficient": refused, "stock_not_negative": refused},
        )

    def sell(
        self,
        wanted: Mapping[UUID, int],
        from_stripes: Mapping[UUID, Sequence[int]],
        *,
        order_id: UUID,
        refused: Explain,
    ) -> None:
        changes = {product_id: -quantity for product_id, quantity in wanted.items()}
        if not from_stripes:
            self.move_stock(changes, reason=SOLD, order_id=order_id, refused=refused)
            return
        ids = list(from_stripes)
        lock, move = _moving(changes, SOLD, order_id)
        self._uow.write_contended(
            lock, stripes.LOCK(ids=ids), stripes.GATHER(ids=ids), move, _dealing(ids),
            refusals={"stock_sufficient": refused, "stock_not_negative": refused},
        )  # fmt: skip
        if all(from_stripes.values()):
            plain = {id_: change for id_, change in changes.items() if id_ not in from_stripes}
            self._uow.try_first(
                *(_moving(plain, SOLD, order_id) if plain else ()),
                *(
                    _taking(id_, wanted[id_], from_stripes[id_], order_id)
                    for id_ in sorted(from_stripes)
                ),
                unless=stripes.IF_NOT,
            )

    def gather_stock(self, product_id: UUID) -> None:
        self._uow.write_contended(stripes.GATHER(ids=[product_id]), refusals={})

    def deal_stock(self, product_id: UUID) -> None:
        self._uow.write_contended(_dealing([product_id]), refusals={})

    def set_stripes(self, product_id: UUID, count: int, *, is_fixed: bool) -> None:
        self._uow.write_contended(
            stripes.FIX(product_id=product_id, is_fixed=is_fixed),
            stripes.CLEAR(ids=[product_id]),
            stripes.ADD(rows=_empty_stripes(product_id, count)),
            refusals={},
        )

    def find_rushes(self, since: datetime, *, hot: int, cool: int) -> list[Rush]:
        query = stripes.RUSHES(since=since, hot=hot, cool=cool, newest=stripes.NEWEST_MOVEMENTS)
        return [Rush(*row) for row in self._uow.read(query)]


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
    move = _MOVE_STOCK(
        moves=moves,
        reason=reason,
        order_id=order_id,
        at=clock.now(),
        trace_id=trace.trace_id(),
        expected=len(changes),
    )
    return _LOCK_STOCK(ids=list(changes)), move


def _taking(product_id: UUID, quantity: int, numbers: Sequence[int], order_id: UUID) -> Query:
    """Take units out of one of these stripes, each taker beginning elsewhere."""
    return stripes.TAKE(
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
    return stripes.DEAL(ids=list(product_ids), worth_dealing=stripes.WORTH_DEALING)


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
    order = _ORDERS[sort]
    place: dict[str, Any] = {
        _parameter(each): value for each, value in zip(order.key, after or order.start, strict=True)
    }
    return place if brand_id is None else {**place, _parameter(_p.brand_id): brand_id}


def _card(row: Row) -> Card:
    return Card(
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
