"""Views of products."""

from uuid import UUID

from pydantic import Field

from commerce.product.model import Balance, Movement, Product, ProductSummary, StockLevels
from commerce.shared.schemas import MoneyView, Timestamp, View, money_view


class BrandOfProduct(View):
    """The brand, as a product shows it."""

    brand_id: str
    name: str


class ProductView(View):
    """A product in a list."""

    product_id: str
    name: str
    description: str
    price: MoneyView
    brand: BrandOfProduct
    like_count: int
    version: int


class ProductDetailView(ProductView):
    """A product on its own page; `rank` is today's, or null if it has none."""

    stock_quantity: int
    rank: int | None = None
    stock_version: int = Field(default=0, exclude=True)
    """A part of the ETag: grows with everything that moves the stock."""


class FirstPages(View):
    """The positions of a list's first products: their sort keys, each ending with the id."""

    positions: list[list[int | str]]


class StockView(View):
    """The units on hand: reserved (with those allotted to drops), and available."""

    product_id: str
    on_hand: int
    reserved: int
    allotted: int
    available: int
    stock_quantity: int
    """What is available, as a product shows it."""

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


def product_view(product: ProductSummary, brand_name: str) -> ProductView:
    """Show a product with its brand's name, without its stock."""
    return ProductView(
        product_id=str(product.id),
        name=product.name,
        description=product.description,
        price=money_view(product.price),
        brand=BrandOfProduct(brand_id=str(product.brand_id), name=brand_name),
        like_count=product.like_count,
        version=product.version,
    )


def detail_view(product: Product, brand_name: str) -> ProductDetailView:
    """Show a product with its brand's name and its stock, without its rank."""
    return ProductDetailView(
        **dict(product_view(product, brand_name)),
        stock_quantity=product.stock.quantity,
        stock_version=product.stock.version,
    )


def summary_of(detail: ProductDetailView) -> ProductView:
    """Return what lists show of a product."""
    return ProductView(**{name: getattr(detail, name) for name in ProductView.model_fields})


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
