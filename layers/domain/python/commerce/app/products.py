"""Products with their brands."""

from collections.abc import Collection

from commerce.app.shop import Shop
from commerce.product import (
    EditProduct,
    ListProducts,
    ProductDetailView,
    ProductView,
    RegisterProduct,
    detail_view,
    product_view,
)
from commerce.shared.etag import IfMatch
from commerce.shared.schemas import Page


def register_product(
    shop: Shop, command: RegisterProduct, *, by: str = "system"
) -> ProductDetailView:
    """Register a product, with no stock yet. Raises BrandNotFound."""
    brand = shop.brands.get(command.brand_id)
    return detail_view(shop.products.register(command, by=by), brand.name)


def edit_product(
    shop: Shop, product_id: str, command: EditProduct, *, by: str, if_match: IfMatch = None
) -> ProductDetailView:
    """Edit a product, unless it was edited since the version that the caller has seen.

    Raises ProductNotFound, StaleVersion, BrandNotFound.
    """
    product = shop.products.get_as_seen(product_id, if_match, command.version)
    brand = shop.brands.get(command.brand_id or str(product.brand_id))
    shop.products.edit(product, command, by=by, if_match=if_match)
    return detail_view(product, brand.name)


def get_product(shop: Shop, product_id: str) -> ProductDetailView:
    """Return one product with its brand and stock, in two statements. Raises ProductNotFound."""
    product = shop.products.get(product_id)
    return detail_view(product, shop.brands.get(str(product.brand_id)).name)


def get_products(shop: Shop, product_ids: Collection[str]) -> dict[str, ProductView]:
    """Return several products in two statements; unknown ids are left out."""
    found = shop.products.summaries(product_ids)
    brands = shop.brands.get_all({product.brand_id for product in found})
    return {
        str(product.id): product_view(product, brands[product.brand_id].name) for product in found
    }


def list_products(shop: Shop, command: ListProducts) -> Page[ProductView]:
    """List products in two statements, however many there are. Raises InvalidCursor."""
    page = shop.products.list(command)
    brands = shop.brands.get_all({product.brand_id for product in page.items})
    return Page(
        items=[product_view(product, brands[product.brand_id].name) for product in page.items],
        next_cursor=page.next_cursor,
    )
