"""Products as callers see them."""

from pydantic import Field

from commerce.brand import BrandView
from commerce.product.model import Product, ProductSummary
from commerce.shared.schemas import MoneyView, View, money_view


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
    """A product on its own page; `rank` is today's, or null where it has none."""

    stock_quantity: int
    rank: int | None = None
    counted: int = Field(default=0, exclude=True)
    """A part of the tag: how often an admin has set the stock."""


class FirstPages(View):
    """Where the first products of a list stand: their sort keys, each ending with the id."""

    positions: list[list[int | str]]


class StockView(View):
    """How many units there are."""

    product_id: str
    stock_quantity: int
    version: int = Field(default=1, exclude=True)
    """The product's; with `counted` it makes the tag."""
    counted: int = Field(default=0, exclude=True)


class StripesView(View):
    """How many rows the stock is dealt out to, and whether an admin has said so."""

    product_id: str
    stripes: int
    is_fixed: bool


def product_view(product: ProductSummary, brand: BrandView) -> ProductView:
    """A product with its brand."""
    return ProductView.model_validate(_shown(product, brand))


def detail_view(product: Product, brand: BrandView) -> ProductDetailView:
    """A product with its brand and what is left of it."""
    return ProductDetailView.model_validate(
        {
            **_shown(product, brand),
            "stock_quantity": product.stock.quantity,
            "counted": product.stock.counted,
        }
    )


def listed(detail: ProductDetailView) -> ProductView:
    """The product as a list shows it."""
    return ProductView(**{name: getattr(detail, name) for name in ProductView.model_fields})


def _shown(product: ProductSummary, brand: BrandView) -> dict[str, object]:
    return {
        "product_id": str(product.id),
        "name": product.name,
        "description": product.description,
        "price": money_view(product.price),
        "brand": BrandOfProduct(brand_id=brand.brand_id, name=brand.name),
        "like_count": product.like_count,
        "version": product.version,
    }
