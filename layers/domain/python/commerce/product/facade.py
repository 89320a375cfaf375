"""The product context's facade."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from commerce.product.commands import EditProduct, ListProducts, RegisterProduct, Sort
from commerce.product.errors import OutOfStock, ProductNotFound
from commerce.product.model import (
    Cause,
    Move,
    MovementReason,
    Product,
    ProductState,
    ProductSummary,
    Stock,
    decrease_all,
    wanted_by_product,
)
from commerce.product.repository import ProductRepository
from commerce.product.views import FirstPages
from commerce.runtime.audit import Change
from commerce.runtime.db.unit_of_work import ErrorFactory
from commerce.shared import clock, cursor
from commerce.shared import etag as versions
from commerce.shared.errors import CommerceError
from commerce.shared.etag import IfMatch
from commerce.shared.money import Money
from commerce.shared.pagination import page_of
from commerce.shared.schemas import Page

LONGEST_PAGE = 100  # spec §3.1


@dataclass(frozen=True, slots=True)
class Offer:
    """A product as it is offered at one moment: what an order line keeps, and its stock."""

    product_id: UUID
    name: str
    brand_id: UUID
    price: Money
    stock: Stock


class ProductFacade:
    """Products are registered and edited by admins, read by anyone, and sold by orders.

    The caller knows that the brands named exist, and shows their names.
    """

    def __init__(self, products: ProductRepository) -> None:
        self._products = products

    def register(self, command: RegisterProduct, *, by: str = "system") -> Product:
        """Register a product, with no stock yet, of a brand that exists."""
        id_ = clock.new_id()
        product = Product(
            id=id_,
            brand_id=UUID(command.brand_id),
            name=command.name,
            description=command.description,
            price=Money(command.price_amount),
            like_count=0,
            version=1,
            created_at=clock.now(),
            stock=Stock(id_, 0, version=1),
        )
        self._products.add(product)
        self._products.record(Change(by, "REGISTER_PRODUCT", id_, {}, command.model_dump()))
        return product

    def get(self, product_id: str) -> Product:
        """Return one product with its stock. Raises ProductNotFound."""
        found = cursor.parse_id(product_id)
        products = self._products.find_all([found]) if found else {}
        for product in products.values():
            return product
        raise ProductNotFound([product_id])

    def get_as_seen(self, product_id: str, if_match: IfMatch, version: int | None) -> Product:
        """Return a product to edit. Raises ProductNotFound, StaleVersion."""
        product = self.get(product_id)
        versions.require_seen([product.version], if_match, version)
        return product

    def edit(
        self, product: Product, command: EditProduct, *, by: str, if_match: IfMatch = None
    ) -> None:
        """Edit a product, unless it was edited since it was read; orders keep what they had.

        Likes and sales are no edits. The brand named exists. Raises StaleVersion on commit.
        """
        shown = _editable(product)
        after = {name: value for name, value in command.changes.items() if value != shown[name]}
        if after.get("brand_id", "").lower() == shown["brand_id"]:
            del after["brand_id"]
        if after:
            product.edit(_as_fields(after, product.price.currency))
            on_stale = partial(versions.outdated, if_match, command.version)
            self._products.save(product, on_stale=on_stale)
            before = {name: shown[name] for name in after}
            self._products.record(Change(by, "EDIT_PRODUCT", product.id, before, after))

    def summaries(self, product_ids: Collection[str]) -> Sequence[ProductSummary]:
        """Return several products without their stock; unknown ids are left out."""
        return list(self._products.find_summaries(_known(product_ids)).values())

    def states(self, product_ids: Collection[str]) -> dict[str, ProductState]:
        """Return stock and likes of several products; unknown ids are left out."""
        return {str(each.id): each for each in self._products.find_states(_known(product_ids))}

    def state(self, product_id: str) -> ProductState:
        """Return stock and likes of one product. Raises ProductNotFound."""
        for state in self.states([product_id]).values():
            return state
        raise ProductNotFound([product_id])

    def first_pages(self, sort: Sort, brand_id: UUID | None) -> FirstPages:
        """Return the positions of a list's first products: its longest page's, and one more."""
        found = self._products.first_positions(sort, brand_id, LONGEST_PAGE + 1)
        plain = [[str(key) if isinstance(key, UUID) else key for key in keys] for keys in found]
        return FirstPages(positions=plain)

    def count_likes(self, changes: Mapping[UUID, int]) -> None:
        """Add likes (+1) and unlikes (−1) to the products' counts, in any order."""
        self._products.count_likes({id_: change for id_, change in changes.items() if change})

    def list(self, command: ListProducts) -> Page[ProductSummary]:
        """List products: one statement, however many there are. Raises InvalidCursor."""
        brand_id = cursor.parse_id(command.brand_id) if command.brand_id else None
        if command.brand_id and brand_id is None:
            return Page(items=[], next_cursor=None)
        listing = listing_of(command.sort, brand_id)
        shape = [UUID] if command.sort is Sort.LATEST else [int, UUID]
        after = cursor.decode(listing, command.cursor, shape) if command.cursor else []
        found = self._products.page(command.sort, brand_id, after, command.limit + 1)
        position = partial(_position, command.sort)
        return page_of(listing, found, command.limit, position, lambda product: product)

    def offers(self, product_ids: Sequence[str]) -> dict[UUID, Offer]:
        """Return the offers of these products. Raises ProductNotFound with all missing ids."""
        ids = {text: cursor.parse_id(text) for text in product_ids}
        products = self._products.find_all([each for each in ids.values() if each])
        missing = [text for text, each in ids.items() if each not in products]
        if missing:
            raise ProductNotFound(missing)
        return {
            id_: Offer(id_, product.name, product.brand_id, product.price, product.stock)
            for id_, product in products.items()
        }

    def sell(
        self,
        lines: Sequence[tuple[UUID, int]],
        offers: dict[UUID, Offer],
        order_id: UUID,
        *,
        by: str,
        sold_elsewhere: ErrorFactory = lambda: None,
    ) -> None:
        """Take the lines' units out of what is available, all or none. Raises OutOfStock.

        Decided on the offers as read and proved by the database on commit, which raises OutOfStock
        with what is left then if others bought it first, or what `sold_elsewhere` makes instead.
        """
        wanted = wanted_by_product(lines)
        stocks = {id_: offer.stock for id_, offer in offers.items()}
        decrease_all(stocks, wanted)
        cause = Cause(reason=MovementReason.SOLD, by=by, order_id=order_id)
        self._products.sell(
            wanted,
            stocks,
            cause,
            on_out_of_stock=lambda: sold_elsewhere() or self._shortage(wanted),
        )

    def restock(self, lines: Sequence[tuple[UUID, int]], order_id: UUID, *, by: str) -> None:
        """Make the units of an order available again that is cancelled and was not shipped.

        Not idempotent: call it once per order.
        """
        moves = [Move(id_, units) for id_, units in wanted_by_product(lines).items()]
        cause = Cause(reason=MovementReason.RETURNED, by=by, order_id=order_id)
        self._products.move_stock(moves, cause)

    def ship(
        self,
        lines: Sequence[tuple[UUID, int]],
        order_id: UUID,
        *,
        by: str,
        drop_id: UUID | None = None,
    ) -> None:
        """Take an order's units, which are reserved, out of the building. Call it once per order.

        Args:
            lines: products and units.
            order_id: the order.
            by: who hands them over.
            drop_id: the drop that the order was placed through, whose allotment they leave.
        """
        moves = [Move(id_, 0, -units) for id_, units in wanted_by_product(lines).items()]
        cause = Cause(reason=MovementReason.SHIPPED, by=by, order_id=order_id, drop_id=drop_id)
        self._products.move_stock(moves, cause)

    def _shortage(self, wanted: dict[UUID, int]) -> CommerceError | None:
        products = self._products.find_all(wanted)
        try:
            decrease_all({id_: product.stock for id_, product in products.items()}, wanted)
        except OutOfStock as out_of_stock:
            return out_of_stock
        return None


def listing_of(sort: Sort, brand_id: UUID | None) -> str:
    """Return the name of a list, to which its cursors are bound."""
    return f"products:{sort}:{brand_id or ''}"


def _editable(product: Product) -> dict[str, Any]:
    return {
        "brand_id": str(product.brand_id),
        "name": product.name,
        "description": product.description,
        "price_amount": product.price.amount,
    }


def _as_fields(changes: Mapping[str, Any], currency: str) -> dict[str, Any]:
    fields = dict(changes)
    if "brand_id" in fields:
        fields["brand_id"] = UUID(fields["brand_id"])
    if "price_amount" in fields:
        fields["price"] = Money(fields.pop("price_amount"), currency)
    return fields


def _known(product_ids: Collection[str]) -> list[UUID]:
    return [id_ for id_ in map(cursor.parse_id, product_ids) if id_]


def _position(sort: Sort, last: ProductSummary) -> cursor.Position:
    if sort is Sort.LATEST:
        return [str(last.id)]
    return [last.price.amount if sort is Sort.PRICE_ASC else last.like_count, str(last.id)]
