"""Products and their stock."""

from commerce.product.commands import EditProduct, ListProducts, RegisterProduct, SetStock, Sort
from commerce.product.errors import OutOfStock, ProductNotFound
from commerce.product.events import ProductChanged, ProductViewed, StockReturned, StockSoldOut
from commerce.product.facade import LONGEST_PAGE, Offer, ProductFacade, listing_of
from commerce.product.model import ProductState
from commerce.product.repository import SqlProductRepository
from commerce.product.views import (
    FirstPages,
    ProductDetailView,
    ProductView,
    StockView,
    detail_view,
    product_view,
    summary_of,
)

__all__ = [
    "LONGEST_PAGE", "EditProduct", "FirstPages", "ListProducts", "Offer", "OutOfStock",
    "ProductChanged", "ProductDetailView", "ProductFacade", "ProductNotFound", "ProductState",
    "ProductView", "ProductViewed", "RegisterProduct", "SetStock", "Sort", "SqlProductRepository",
    "StockReturned", "StockSoldOut", "StockView", "detail_view", "listing_of", "product_view",
    "summary_of",
]  # fmt: skip
