"""Views of products."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from commerce.product.model import (
    Balance,
    Movement,
    Product,
    ProductState,
    ProductSummary,
    StockLevels,
)
from commerce.product.sale_terms import Availability, SaleTerms
from commerce.shared.schemas import MoneyView, Timestamp, View, money_view, one_of


class BrandOfProduct(View):
    """The brand, as a product shows it."""

    brand_id: str
    name: str


class _ProductFields(View):
    product_id: str
    name: str
    description: str
    price: MoneyView
    brand: BrandOfProduct
    like_count: int
    version: int


class ProductView(_ProductFields):
    """A product in a list."""

    availability: Annotated[str, one_of(Availability)]


class ProductDetailView(ProductView):
    """A product on its own page; `rank` is today's, or null if it has none."""

    stock_quantity: int
    sale_from: Timestamp | None
    sale_until: Timestamp | None
    max_per_buyer: int | None
    rank: int | None = None
    stock_version: int = Field(default=0, exclude=True)
    """A part of the ETag: grows with everything that moves the stock."""


class CachedProduct(_ProductFields):
    """A product as the cache holds it, hidden or not: true at any moment until it changes."""

    shown_from: Timestamp | None
    sale_from: Timestamp | None
    sale_until: Timestamp | None
    is_sold_out: bool
    is_in_drop: bool

    def seen(self, at: datetime) -> ProductView | None:
        """Return what lists show of it at a moment; None while it is hidden."""
        terms = SaleTerms(
            visible_from=self.shown_from, sale_from=self.sale_from, sale_until=self.sale_until
        )
        if not terms.is_visible(at):
            return None
        availability = terms.availability(
            at, is_sold_out=self.is_sold_out, is_in_drop=self.is_in_drop
        )
        return ProductView(**self._shown(), availability=availability.value)

    def detail(self, state: ProductState, *, is_in_drop: bool) -> ProductDetailView:
        """Return the product's page, with its state as it is now."""
        return ProductDetailView(
            **self._shown() | {"like_count": state.like_count},
            **_of_terms(state.terms, state.at, state.stock_quantity, is_in_drop=is_in_drop),
            stock_quantity=state.stock_quantity,
            stock_version=state.stock_version,
        )

    def _shown(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _ProductFields.model_fields}


class FirstPages(View):
    """The positions of a list's first products: their sort keys, each ending with the id."""

    positions: list[list[int | str]]
    until: Timestamp | None = None
    """The moment at which another product becomes visible."""


class StockView(View):
    """The units on hand: reserved (with those allotted to drops), and available."""

    product_id: str
    on_hand: int
    reserved: int
    allotted: int
    available: int
    stock_quantity: int
    """The available units, under the name that a product has for them."""

    version: int
    """Grows with everything that moves the stock."""

    @property
    def versions(self) -> tuple[int, int]:
        """The version in an ETag, where a product's tag has it too: after the product's edits."""
        return 0, self.version


class UnitsView(View):
    """Units on hand, reserved and available."""

    on_hand: int
    reserved: int
    available: int


class StockMovementView(View):
    """A change of a product's units: why, by whom, for which order or drop, and what it left.

    `by` is null in changes from before it was recorded.
    """

    movement_id: str
    at: Timestamp
    reason: str
    change: UnitsView
    balance: UnitsView
    by: str | None
    order_id: str | None
    drop_id: str | None
    note: str | None


def cached_product(product: ProductSummary, brand_name: str, *, is_in_drop: bool) -> CachedProduct:
    """Make what the cache holds of a product."""
    return CachedProduct(
        **_fields(product, brand_name),
        shown_from=product.terms.shown_from,
        sale_from=product.terms.sale_from,
        sale_until=product.terms.sale_until,
        is_sold_out=product.is_sold_out,
        is_in_drop=is_in_drop,
    )


def detail_view(
    product: Product, brand_name: str, *, is_in_drop: bool = False
) -> ProductDetailView:
    """Show a product with its brand's name and its stock, without its rank."""
    quantity = product.stock.quantity
    return ProductDetailView(
        **_fields(product, brand_name),
        **_of_terms(product.terms, product.read_at, quantity, is_in_drop=is_in_drop),
        stock_quantity=quantity,
        stock_version=product.stock.version,
    )


def _fields(product: ProductSummary, brand_name: str) -> dict[str, Any]:
    return {
        "product_id": str(product.id),
        "name": product.name,
        "description": product.description,
        "price": money_view(product.price),
        "brand": BrandOfProduct(brand_id=str(product.brand_id), name=brand_name),
        "like_count": product.like_count,
        "version": product.version,
    }


def _of_terms(terms: SaleTerms, at: datetime, quantity: int, *, is_in_drop: bool) -> dict[str, Any]:
    said = terms.availability(at, is_sold_out=quantity == 0, is_in_drop=is_in_drop)
    return {
        "availability": said.value,
        "sale_from": terms.sale_from,
        "sale_until": terms.sale_until,
        "max_per_buyer": terms.max_per_buyer,
    }


def stock_view(levels: StockLevels) -> StockView:
    """Show all that staff know of a product's units."""
    return StockView(
        product_id=str(levels.product_id),
        **dict(units_view(levels.balance)),
        allotted=levels.allotted,
        stock_quantity=levels.balance.available,
        version=levels.version,
    )


def units_view(balance: Balance) -> UnitsView:
    """Show a balance."""
    return UnitsView(
        on_hand=balance.on_hand, reserved=balance.reserved, available=balance.available
    )


def movement_view(movement: Movement, balance: Balance) -> StockMovementView:
    """Show a movement and the balance after it."""
    move, cause = movement.move, movement.cause
    return StockMovementView(
        movement_id=str(movement.id),
        at=movement.at,
        reason=cause.reason,
        change=units_view(Balance(move.on_hand_change, move.change)),
        balance=units_view(balance),
        by=cause.by or None,
        order_id=_text(cause.order_id),
        drop_id=_text(cause.drop_id),
        note=cause.note,
    )


def _text(id_: UUID | None) -> str | None:
    return None if id_ is None else str(id_)
