"""Products with their brands."""

from collections.abc import Collection, Sequence

from commerce.app.shop import Shop
from commerce.product import (
    CachedProduct,
    EditProduct,
    ListProducts,
    ProductDetailView,
    ProductSummary,
    RegisterProduct,
    cached_product,
    detail_view,
)
from commerce.shared.etag import IfMatch
from commerce.shared.schemas import Page

# Of a product: what its offers cost, and whether they can be ordered.
_PROMISED_BY_DROPS = {
    "price_amount", "visible_from", "sale_from", "sale_until", "max_per_buyer"
}  # fmt: skip


def register_product(
    shop: Shop, command: RegisterProduct, *, by: str = "system"
) -> ProductDetailView:
    """Register a product, with no stock yet. Raises BrandNotFound, SaleEndsBeforeItBegins."""
    brand = shop.brands.get(command.brand_id)
    return detail_view(shop.products.register(command, by=by), brand.name)


def edit_product(
    shop: Shop, product_id: str, command: EditProduct, *, by: str, if_match: IfMatch = None
) -> ProductDetailView:
    """Edit a product, unless it was edited since the version that the caller has seen.

    Raises ProductNotFound, StaleVersion, BrandNotFound, SaleEndsBeforeItBegins, and, of what a drop
    has promised while it sells the product, DropLocked.
    """
    product = shop.products.get_as_seen(product_id, if_match, command.version)
    if _PROMISED_BY_DROPS & set(command.changes):
        shop.drops.require_unpromised(product.id)
    brand = shop.brands.get(command.brand_id or str(product.brand_id))
    shop.products.edit(product, command, by=by, if_match=if_match)
    return detail_view(product, brand.name, is_in_drop=bool(shop.drops.selling([product.id])))


def archive_product(
    shop: Shop, product_id: str, *, by: str, if_match: IfMatch = None
) -> ProductDetailView:
    """Hide a product from shoppers for good; repeated, it changes nothing.

    Raises ProductNotFound, StaleVersion, and DropLocked while a drop sells it.
    """
    product = shop.products.get_as_seen(product_id, if_match, None)
    shop.drops.require_unpromised(product.id)
    shop.products.archive(product, by=by, if_match=if_match)
    return detail_view(product, shop.brands.get(str(product.brand_id)).name)


def restore_product(
    shop: Shop, product_id: str, *, by: str, if_match: IfMatch = None
) -> ProductDetailView:
    """Take a product out of the archive; repeated, it changes nothing.

    Raises ProductNotFound, StaleVersion.
    """
    product = shop.products.get_as_seen(product_id, if_match, None)
    shop.products.restore(product, by=by, if_match=if_match)
    return detail_view(product, shop.brands.get(str(product.brand_id)).name)


def get_product(shop: Shop, product_id: str) -> tuple[CachedProduct, ProductDetailView]:
    """Return one product, hidden or not, for the cache and for its page, in three statements.

    Raises ProductNotFound.
    """
    product = shop.products.get(product_id)
    brand = shop.brands.get(str(product.brand_id))
    # After its stock: a drop that has taken the last units is seen.
    is_in_drop = bool(shop.drops.selling([product.id]))
    return (
        cached_product(product, brand.name, is_in_drop=is_in_drop),
        detail_view(product, brand.name, is_in_drop=is_in_drop),
    )


def get_products(shop: Shop, product_ids: Collection[str]) -> dict[str, CachedProduct]:
    """Return several products, hidden ones too, in three statements; unknown ids are left out."""
    found = _cached(shop, shop.products.summaries(product_ids))
    return {product.product_id: product for product in found}


def list_products(shop: Shop, command: ListProducts) -> Page[CachedProduct]:
    """List visible products in three statements, however many there are. Raises InvalidCursor."""
    page = shop.products.list(command)
    return Page(items=_cached(shop, page.items), next_cursor=page.next_cursor)


def _cached(shop: Shop, products: Sequence[ProductSummary]) -> list[CachedProduct]:
    brands = shop.brands.get_all({product.brand_id for product in products})
    in_drops = shop.drops.selling([product.id for product in products])
    return [
        cached_product(product, brands[product.brand_id].name, is_in_drop=product.id in in_drops)
        for product in products
    ]
