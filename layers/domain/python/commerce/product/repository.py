"""Products and stock in PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from commerce.product.commands import Sort
from commerce.product.model import Card, Product, ProductState, Stock
from commerce.product.walks import WALKS, page_name, parameter
from commerce.shared import audit, clock, trace
from commerce.shared.audit import Change
from commerce.shared.money import Money
from commerce.shared.statement import ahead
from commerce.shared.unit_of_work import Explain, UnitOfWork
from commerce.shared.wire import Row

if TYPE_CHECKING:
    from commerce.product import statements as sql
else:
    sql = ahead("commerce.product.statements")


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
        """Add each change to its product's stock; `refused` explains what cannot be taken."""


class SqlProductRepository:
    """The products of the database."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def find_all(self, ids: Collection[UUID]) -> dict[UUID, Product]:
        return {row.id: _product(row) for row in self._uow.read(sql.SOME(ids=list(ids)))}

    def find_cards(self, ids: Collection[UUID]) -> dict[UUID, Card]:
        return {row.id: _card(row) for row in self._uow.read(sql.SOME_CARDS(ids=list(ids)))}

    def page(
        self, sort: Sort, brand_id: UUID | None, after: Sequence[int | str | UUID], limit: int
    ) -> list[Card]:
        query = sql.PAGES[page_name(sort, by_brand=brand_id is not None)](
            **_place(sort, brand_id, after), limit=limit
        )
        return [_card(row) for row in self._uow.read(query)]

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

    def save(self, product: Card, *, outdated: Explain) -> None:
        self._uow.write(
            sql.SAVE(
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
        for row in self._uow.lock(sql.LOCK_STOCK(ids=[product_id])):
            return Stock(row.product_id, row.quantity, row.counted)
        return None

    def note_count(self, product_id: UUID) -> None:
        self._uow.write(sql.COUNTED(counted_id=product_id))

    def move_stock(
        self, changes: Mapping[UUID, int], *, reason: str, order_id: UUID | None, refused: Explain
    ) -> None:
        moves = [
            {
                "product_id": str(product_id),
                "change": change,
                "changed_id": str(clock.new_id()),
                "turned_id": str(clock.new_id()),
            }
            for product_id, change in changes.items()
        ]
        self._uow.write_contended(
            sql.LOCK_STOCK(ids=list(changes)),
            sql.MOVE_STOCK(
                moves=moves,
                reason=reason,
                order_id=order_id,
                at=clock.now(),
                trace_id=trace.trace_id(),
                expected=len(changes),
            ),
            refusals={"stock_sufficient": refused, "stock_not_negative": refused},
        )


def _place(
    sort: Sort, brand_id: UUID | None, after: Sequence[int | str | UUID] = ()
) -> dict[str, Any]:
    walk = WALKS[sort]
    place: dict[str, Any] = {
        parameter(column): value
        for column, value in zip(walk.key, after or walk.start, strict=True)
    }
    return place if brand_id is None else {**place, parameter("brand_id"): brand_id}


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
        stock=Stock(row.id, row.quantity, row.counted),
    )
