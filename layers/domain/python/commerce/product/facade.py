"""The product context's facade."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from commerce.product.commands import EditProduct, ListProducts, RegisterProduct, Sort
from commerce.product.errors import NotOnSale, OutOfStock, ProductNotFound, SaleWindow
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
from commerce.product.sale_terms import Availability, SaleTerms
from commerce.product.views import FirstPages
from commerce.runtime.audit import Change
from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.unit_of_work import ErrorFactory
from commerce.shared import clock, cursor
from commerce.shared import etag as versions
from commerce.shared.errors import CommerceError
from commerce.shared.etag import IfMatch
from commerce.shared.money import Money
from commerce.shared.pagination import page_of
from commerce.shared.schemas import Page

LONGEST_PAGE = 100  # spec §3.1
_TERMS = {each.name for each in fields(SaleTerms)}


@dataclass(frozen=True, slots=True)
class Offer:
    """A product as it is offered at one moment: what an order line keeps, its terms and stock."""

    product_id: UUID
    name: str
    brand_id: UUID
    price: Money
    terms: SaleTerms
    stock: Stock
    read_at: datetime
    """The moment, by the database's clock."""

    @property
    def window(self) -> SaleWindow:
        """The time of its sale."""
        return SaleWindow(self.product_id, self.terms.sale_from, self.terms.sale_until)


class ProductFacade:
    """Products are registered and edited by admins, read by anyone, and sold by orders.

    The caller knows that the brands named exist, and shows their names.
    """

    def __init__(self, products: ProductRepository) -> None:
        self._products = products

    def register(self, command: RegisterProduct, *, by: str = "system") -> Product:
        """Register a product, with no stock yet, of a brand that exists.

        Raises SaleEndsBeforeItBegins.
        """
        id_ = clock.new_id()
        given = command.model_dump(exclude=_TERMS - command.model_fields_set)
        product = Product(
            id=id_,
            like_count=0,
            version=1,
            created_at=clock.now(),
            stock=Stock(id_, 0, version=1),
            is_sold_out=True,
            **{"terms": SaleTerms(), **_as_fields(given, SaleTerms())},
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

        Likes and sales are no edits. The brand named exists. Raises SaleEndsBeforeItBegins, and on
        commit StaleVersion.
        """
        shown = _shown(product, command.changes)
        after = {name: value for name, value in command.changes.items() if value != shown[name]}
        if "brand_id" in after and after["brand_id"].lower() == shown["brand_id"]:
            del after["brand_id"]
        if after:
            product.edit(_as_fields(after, product.terms))
            on_stale = partial(versions.outdated, if_match, command.version)
            self._products.save(product, on_stale=on_stale)
            before = {name: shown[name] for name in after}
            self._products.record(Change(by, "EDIT_PRODUCT", product.id, before, after))

    def archive(self, product: Product, *, by: str, if_match: IfMatch = None) -> None:
        """Hide a product from shoppers for good; one that is archived stays as it is.

        Orders of it go on. Raises StaleVersion on commit.
        """
        if product.terms.archived_at is None:
            self._set_archived(product, clock.now(), "ARCHIVE_PRODUCT", by, if_match)

    def restore(self, product: Product, *, by: str, if_match: IfMatch = None) -> None:
        """Take a product out of the archive, on the terms that it had before.

        Raises StaleVersion on commit.
        """
        if product.terms.archived_at is not None:
            self._set_archived(product, None, "RESTORE_PRODUCT", by, if_match)

    def _set_archived(
        self, product: Product, at: datetime | None, action: str, by: str, if_match: IfMatch
    ) -> None:
        before = product.terms.archived_at
        product.edit({"terms": replace(product.terms, archived_at=at)})
        self._products.save(product, on_stale=partial(versions.outdated, if_match, None))
        change = {"archived_at": before}, {"archived_at": at}
        self._products.record(Change(by, action, product.id, *change))

    def require_visible(self, product_id: UUID) -> None:
        """Have the commit prove that shoppers see the product; it raises ProductNotFound."""

        def hidden() -> ProductNotFound | None:
            found = self._products.find_all([product_id]).values()
            is_shown = any(each.terms.is_visible(each.read_at) for each in found)
            return None if is_shown else ProductNotFound([str(product_id)])

        self._products.require_visible([product_id], on_hidden=hidden)

    def summaries(self, product_ids: Collection[str]) -> Sequence[ProductSummary]:
        """Return several products, also hidden ones, without stock; unknown ids are left out."""
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
        """Return the positions of a list's first products: its longest page's, and one more.

        They hold until the next product becomes visible.
        """
        found = self._products.first_positions(sort, brand_id, LONGEST_PAGE + 1)
        plain = [[str(key) if isinstance(key, UUID) else key for key in keys] for keys in found]
        return FirstPages(positions=plain, until=self._products.next_opening())

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
        """Return the offers of these products.

        Raises ProductNotFound with all ids that are missing or hidden.
        """
        ids = {text: cursor.parse_id(text) for text in product_ids}
        offers = self._offers([each for each in ids.values() if each])
        if missing := [text for text, each in ids.items() if each not in offers]:
            raise ProductNotFound(missing)
        return offers

    def reads_of_offers(self, product_ids: Sequence[str]) -> Sequence[Query]:
        """Return what `offers` will read."""
        return self._products.reads_of_all(_known(dict.fromkeys(product_ids)))

    def _offers(self, ids: Collection[UUID]) -> dict[UUID, Offer]:
        return {
            id_: Offer(
                product_id=id_,
                name=product.name,
                brand_id=product.brand_id,
                price=product.price,
                terms=product.terms,
                stock=product.stock,
                read_at=product.read_at,
            )
            for id_, product in self._products.find_all(ids).items()
            if product.terms.is_visible(product.read_at)
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
        """Take the lines' units out of what is available, all or none.

        Decided on the offers as read and proved by the database on commit, which raises the same
        with what is left then if others bought it first, or if the sale has ended since, or else
        what `sold_elsewhere` makes.

        Raises NotOnSale, OutOfStock.
        """
        wanted = wanted_by_product(lines)
        _require_on_sale(offers.values())
        stocks = {id_: offer.stock for id_, offer in offers.items()}
        decrease_all(stocks, wanted)
        self._products.sell(
            wanted,
            stocks,
            Cause(reason=MovementReason.SOLD, by=by, order_id=order_id),
            windowed=[id_ for id_, offer in offers.items() if offer.terms.has_sale_window],
            on_out_of_stock=lambda: sold_elsewhere() or self._refusal(wanted),
        )

    def restock(self, lines: Sequence[tuple[UUID, int]], order_id: UUID, *, by: str) -> None:
        """Make the units of an order available again that is cancelled and was not shipped.

        Not idempotent: call it once per order.
        """
        moves = [Move(id_, units) for id_, units in wanted_by_product(lines).items()]
        cause = Cause(reason=MovementReason.RETURNED, by=by, order_id=order_id)
        self._products.move_stock(moves, cause)

    def receive(self, lines: Sequence[tuple[UUID, int]], order_id: UUID, *, by: str) -> None:
        """Take units of a shipped order into the building, where they can be sold again.

        Not idempotent: call it once per return.
        """
        moves = [Move(id_, units, units) for id_, units in wanted_by_product(lines).items()]
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

    def _refusal(self, wanted: dict[UUID, int]) -> CommerceError | None:
        try:
            offers = self.offers([str(id_) for id_ in wanted])
            _require_on_sale(offers.values())
            decrease_all({id_: offer.stock for id_, offer in offers.items()}, wanted)
        except (ProductNotFound, NotOnSale, OutOfStock) as refusal:
            return refusal
        return None


def _require_on_sale(offers: Collection[Offer]) -> None:
    closed = [
        each
        for each in offers
        if each.terms.availability(each.read_at, is_sold_out=False) is not Availability.ON_SALE
    ]
    if closed:
        raise NotOnSale([each.window for each in closed], _seconds_to_wait(closed))


def _seconds_to_wait(closed: Collection[Offer]) -> int | None:
    """Return the seconds until all are on sale; None where the sale of one has ended."""
    waits = [
        math.ceil((each.terms.sale_from - each.read_at).total_seconds())
        for each in closed
        if each.terms.sale_from is not None and each.read_at < each.terms.sale_from
    ]
    return max(waits) if len(waits) == len(closed) else None


def listing_of(sort: Sort, brand_id: UUID | None) -> str:
    """Return the name of a list, to which its cursors are bound."""
    return f"products:{sort}:{brand_id or ''}"


def _shown(product: Product, names: Collection[str]) -> dict[str, Any]:
    """Return the product's values of a command's fields."""
    shown = {
        "brand_id": str(product.brand_id),
        "price_amount": product.price.amount,
        **asdict(product.terms),
    }
    return {name: shown[name] if name in shown else getattr(product, name) for name in names}


def _as_fields(changes: Mapping[str, Any], terms: SaleTerms) -> dict[str, Any]:
    """Return the product's fields for values of a command's."""
    changed = {name: value for name, value in changes.items() if name not in _TERMS}
    if "brand_id" in changed:
        changed["brand_id"] = UUID(changed["brand_id"])
    if "price_amount" in changed:
        changed["price"] = Money(changed.pop("price_amount"))
    if changed_terms := {name: value for name, value in changes.items() if name in _TERMS}:
        changed["terms"] = replace(terms, **changed_terms)
    return changed


def _known(product_ids: Collection[str]) -> list[UUID]:
    return [id_ for id_ in map(cursor.parse_id, product_ids) if id_]


def _position(sort: Sort, last: ProductSummary) -> cursor.Position:
    if sort is Sort.LATEST:
        return [str(last.id)]
    return [last.price.amount if sort is Sort.PRICE_ASC else last.like_count, str(last.id)]
