"""Views of products."""

from pydantic import Field

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
    """A product on its own page; `rank` is today's, or null if it has none."""

    stock_quantity: int
    max_per_buyer: int | None
    rank: int | None = None
    counted: int = Field(default=0, exclude=True)
    """A part of the ETag: the number of times that an admin has set the stock."""


class FirstPages(View):
    """The positions of a list's first products: their sort keys, each ending with the id."""

    positions: list[list[int | str]]


class StockView(View):
    """The number of units there are."""

    product_id: str
    stock_quantity: int
    version: int = Field(default=1, exclude=True)
    """The product's; with `counted` it makes the ETag."""
    counted: int = Field(default=0, exclude=True)


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
        max_per_buyer=product.terms.max_per_buyer,
        counted=product.stock.counted,
    )


def summary_of(detail: ProductDetailView) -> ProductView:
    """Return what lists show of a product."""
    return ProductView(**{name: getattr(detail, name) for name in ProductView.model_fields})
