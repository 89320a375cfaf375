"""The only door to the product context."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from commerce.brand import BrandFacade, BrandView
from commerce.product.commands import (
    EditProduct,
    ListProducts,
    RegisterProduct,
    SetStock,
    SetStripes,
    Sort,
)
from commerce.product.errors import OutOfStock, ProductNotFound
from commerce.product.model import (
    STRIPES,
    Product,
    ProductState,
    ProductSummary,
    SalesSpike,
    Stock,
    decrease_all,
    wanted_by_product,
)
from commerce.product.repository import ProductRepository
from commerce.product.views import (
    FirstPages,
    ProductDetailView,
    ProductView,
    StockView,
    StripesView,
    detail_view,
    product_view,
)
from commerce.runtime.audit import Change
from commerce.shared import clock, cursor
from commerce.shared import etag as versions
from commerce.shared.errors import CommerceError
from commerce.shared.etag import IfMatch
from commerce.shared.money import Money
from commerce.shared.pagination import page_of
from commerce.shared.schemas import Page

LONGEST_PAGE = 100  # SPEC §3


@dataclass(frozen=True, slots=True)
class Offer:
    """A product as it is offered at this moment: what an order line keeps of it."""

    product_id: UUID
    name: str
    brand_id: UUID
    price: Money
    stock: Stock


class ProductFacade:
    """Products are registered and edited by admins, read by anyone, and sold by orders."""

    def __init__(self, products: ProductRepository, brands: BrandFacade) -> None:
        self._products = products
        self._brands = brands

    def register(self, command: RegisterProduct, *, by: str = "system") -> ProductDetailView:
        """Open a product, with no stock yet. Raises BrandNotFound."""
        brand = self._brands.get(command.brand_id)
        id_ = clock.new_id()
        product = Product(
            id=id_,
            brand_id=UUID(brand.brand_id),
            name=command.name,
            description=command.description,
            price=Money(command.price_amount),
            like_count=0,
            version=1,
            created_at=clock.now(),
            stock=Stock(id_, 0),
        )
        self._products.add(product)
        self._products.record(Change(by, "REGISTER_PRODUCT", id_, {}, command.model_dump()))
        return detail_view(product, brand)

    def edit(
        self, product_id: str, command: EditProduct, *, by: str, if_match: IfMatch = None
    ) -> ProductDetailView:
        """Change a product, unless another admin did since it was seen; orders keep what they had.

        Likes and sales are no edits. Raises ProductNotFound, BrandNotFound, StaleVersion.
        """
        product = self._find(product_id)
        versions.require_seen([product.version], if_match, command.version)
        wanted = command.wanted
        brand = self._brands.get(wanted.get("brand_id", str(product.brand_id)))
        shown = _editable(product)
        after = {name: value for name, value in wanted.items() if value != shown[name]}
        if "brand_id" in after and brand.brand_id == shown["brand_id"]:
            del after["brand_id"]  # the same in capitals
        if not after:
            return detail_view(product, brand)
        edited = product.edit(_as_fields(after, brand, product.price.currency))
        outdated = partial(versions.outdated, if_match, command.version)
        self._products.save(edited, outdated=outdated)
        before = {name: shown[name] for name in after}
        self._products.record(Change(by, "EDIT_PRODUCT", product.id, before, after))
        return detail_view(edited, brand)

    def get(self, product_id: str) -> ProductDetailView:
        """One product with its brand and stock. Raises ProductNotFound."""
        product = self._find(product_id)
        return detail_view(product, self._brands.get(str(product.brand_id)))

    def get_all(self, product_ids: Collection[str]) -> dict[str, ProductView]:
        """Several products in two statements; the unknown are left out."""
        found = self._products.find_summaries(_known(product_ids))
        brands = self._brands.get_all({product.brand_id for product in found.values()})
        return {
            str(id_): product_view(product, brands[product.brand_id])
            for id_, product in found.items()
        }

    def states(self, product_ids: Collection[str]) -> dict[str, ProductState]:
        """What changes of several products, in one statement; the unknown are left out."""
        return {str(each.id): each for each in self._products.find_states(_known(product_ids))}

    def state(self, product_id: str) -> ProductState:
        """What changes of a product. Raises ProductNotFound."""
        for state in self.states([product_id]).values():
            return state
        raise ProductNotFound([product_id])

    def first_pages(self, sort: Sort, brand_id: UUID | None) -> FirstPages:
        """Where the first products of a list stand: as many as its longest page has, and one."""
        found = self._products.first_positions(sort, brand_id, LONGEST_PAGE + 1)
        plain = [[str(key) if isinstance(key, UUID) else key for key in keys] for keys in found]
        return FirstPages(positions=plain)

    def count_likes(self, changes: Mapping[UUID, int]) -> None:
        """Likes were given (+1) and taken back (−1), in whatever order."""
        self._products.count_likes({id_: change for id_, change in changes.items() if change})

    def list(self, command: ListProducts) -> Page[ProductView]:
        """A page of products: two statements, however many there are. Raises InvalidCursor."""
        brand_id = cursor.parse_id(command.brand_id) if command.brand_id else None
        if command.brand_id and brand_id is None:
            return Page(items=[], next_cursor=None)
        listing = listing_of(command.sort, brand_id)
        shape = [UUID] if command.sort is Sort.LATEST else [int, UUID]
        after = cursor.decode(listing, command.cursor, shape) if command.cursor else []
        found = self._products.page(command.sort, brand_id, after, command.limit + 1)
        brands = self._brands.get_all({product.brand_id for product in found})
        return page_of(
            listing,
            found,
            command.limit,
            partial(_position, command.sort),
            lambda product: product_view(product, brands[product.brand_id]),
        )

    def offers(self, product_ids: Sequence[str]) -> dict[UUID, Offer]:
        """What is offered under these ids. Raises ProductNotFound with all that are missing."""
        ids = {text: cursor.parse_id(text) for text in product_ids}
        products = self._products.find_all([each for each in ids.values() if each])
        missing = [text for text, each in ids.items() if each not in products]
        if missing:
            raise ProductNotFound(missing)
        return {
            product.id: Offer(
                product_id=product.id,
                name=product.name,
                brand_id=product.brand_id,
                price=product.price,
                stock=product.stock,
            )
            for product in products.values()
        }

    def sell(
        self, lines: Sequence[tuple[UUID, int]], offers: dict[UUID, Offer], order_id: UUID
    ) -> None:
        """Take the lines' units out of stock, all or none. Raises OutOfStock.

        Decided on the offers as read; the database proves the decision when it is committed, and
        OutOfStock with what is left then is raised if somebody else was faster.
        """
        wanted = wanted_by_product(lines)
        stocks = {id_: offer.stock for id_, offer in offers.items()}
        decrease_all(stocks, wanted)
        self._products.sell(
            wanted,
            {
                id_: stocks[id_].stripes_with_more_than(quantity)
                for id_, quantity in wanted.items()
                if stocks[id_].stripes
            },
            order_id=order_id,
            refused=partial(self._shortage, wanted),
        )

    def restock(self, lines: Sequence[tuple[UUID, int]], order_id: UUID) -> None:
        """Put the units of a cancelled order into stock again; the order knows that it is once."""
        self._products.move_stock(
            wanted_by_product(lines), reason="RETURNED", order_id=order_id, refused=lambda: None
        )

    def set_stock(
        self, product_id: str, command: SetStock, *, by: str = "system", if_match: IfMatch = None
    ) -> StockView:
        """Make the stock what was counted, unless another admin did something since it was seen.

        Sales are no edits. Raises ProductNotFound, StaleVersion.
        """
        stock = self._lock_stock(product_id)
        [state] = self._products.find_states([stock.product_id])
        versions.require_seen([state.version, stock.counted], if_match)
        self._products.note_count(stock.product_id)
        before, after = {"quantity": stock.quantity}, {"quantity": command.quantity}
        self._products.record(Change(by, "SET_STOCK", stock.product_id, before, after))
        if command.quantity != stock.quantity:
            self._recount(stock, command.quantity - stock.quantity)
        return StockView(
            product_id=str(stock.product_id),
            stock_quantity=command.quantity,
            version=state.version,
            counted=stock.counted + 1,
        )

    def set_stripes(self, product_id: str, command: SetStripes, *, by: str) -> StripesView:
        """Deal the stock out to so many rows, or leave it to `follow_spike`; nothing is sold by it.

        Raises ProductNotFound.
        """
        stock = self._lock_stock(product_id)
        return self._deal_out(
            stock, command.stripes or stock.rows, is_fixed=command.stripes is not None, by=by
        )

    def sales_spikes(self, since: datetime, *, hot: int, cool: int) -> Sequence[SalesSpike]:
        """Products that should be striped, or no longer: sold so often, or so little, since then.

        Those for which an admin has decided are left alone.
        """
        return self._products.find_sales_spikes(since, hot=hot, cool=cool)

    def follow_spike(self, rush: SalesSpike) -> StripesView:
        """Deal the product's stock out to several rows, or bring it back into one."""
        stock = self._lock_stock(str(rush.product_id))
        if stock.stripes_fixed:
            return _stripes_view(stock)
        return self._deal_out(stock, 1 if rush.is_striped else STRIPES, is_fixed=False, by="system")

    def _lock_stock(self, product_id: str) -> Stock:
        found = cursor.parse_id(product_id)
        stock = self._products.lock_stock(found) if found else None
        if stock is None:
            raise ProductNotFound([product_id])
        return stock

    def _recount(self, stock: Stock, change: int) -> None:
        if stock.stripes:
            self._products.gather_stock(stock.product_id)
        self._products.move_stock(
            {stock.product_id: change}, reason="COUNTED", order_id=None, refused=lambda: None
        )
        if stock.stripes:
            self._products.deal_stock(stock.product_id)

    def _deal_out(self, stock: Stock, rows: int, *, is_fixed: bool, by: str) -> StripesView:
        after = StripesView(product_id=str(stock.product_id), stripes=rows, is_fixed=is_fixed)
        before = _stripes_view(stock)
        if after != before:
            self._products.gather_stock(stock.product_id)
            self._products.set_stripes(stock.product_id, rows if rows > 1 else 0, is_fixed=is_fixed)
            self._products.deal_stock(stock.product_id)
            shown = [each.model_dump(exclude={"product_id"}) for each in (before, after)]
            self._products.record(Change(by, "SET_STRIPES", stock.product_id, *shown))
        return after

    def _find(self, product_id: str) -> Product:
        found = cursor.parse_id(product_id)
        products = self._products.find_all([found]) if found else {}
        for product in products.values():
            return product
        raise ProductNotFound([product_id])

    def _shortage(self, wanted: dict[UUID, int]) -> CommerceError | None:
        products = self._products.find_all(wanted)
        try:
            decrease_all({id_: product.stock for id_, product in products.items()}, wanted)
        except OutOfStock as refused:
            return refused
        return None


def _stripes_view(stock: Stock) -> StripesView:
    return StripesView(
        product_id=str(stock.product_id), stripes=stock.rows, is_fixed=stock.stripes_fixed
    )


def listing_of(sort: Sort, brand_id: UUID | None) -> str:
    """The name of a list, to which its cursors are bound."""
    return f"products:{sort}:{brand_id or ''}"


def _editable(product: Product) -> dict[str, Any]:
    """What an admin may change, as it is asked for."""
    return {
        "brand_id": str(product.brand_id),
        "name": product.name,
        "description": product.description,
        "price_amount": product.price.amount,
    }


def _as_fields(changes: Mapping[str, Any], brand: BrandView, currency: str) -> dict[str, Any]:
    """The same as the model has it."""
    fields = dict(changes)
    if "brand_id" in fields:
        fields["brand_id"] = UUID(brand.brand_id)
    if "price_amount" in fields:
        fields["price"] = Money(fields.pop("price_amount"), currency)
    return fields


def _known(product_ids: Collection[str]) -> list[UUID]:
    return [id_ for id_ in map(cursor.parse_id, product_ids) if id_]


def _position(sort: Sort, last: ProductSummary) -> cursor.Position:
    if sort is Sort.LATEST:
        return [str(last.id)]
    return [last.price.amount if sort is Sort.PRICE_ASC else last.like_count, str(last.id)]
