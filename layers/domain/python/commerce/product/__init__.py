"""Products and their stock."""

from commerce.product.commands import EditProduct, ListProducts, RegisterProduct, SetStock, Sort
from commerce.product.errors import NotOnSale, OutOfStock, ProductNotFound, SaleEndsBeforeItBegins
from commerce.product.events import ProductChanged, ProductViewed, StockReturned, StockSoldOut
from commerce.product.facade import LONGEST_PAGE, Offer, ProductFacade, listing_of
from commerce.product.model import ProductState
from commerce.product.repository import SqlProductRepository
from commerce.product.sale_terms import Availability
from commerce.product.views import (
    CachedProduct,
    FirstPages,
    ProductDetailView,
    ProductView,
    StockView,
    cached_product,
    detail_view,
)

__all__ = [
    "LONGEST_PAGE", "Availability", "CachedProduct", "EditProduct", "FirstPages", "ListProducts",
    "NotOnSale", "Offer", "OutOfStock", "ProductChanged", "ProductDetailView", "ProductFacade",
    "ProductNotFound", "ProductState", "ProductView", "ProductViewed", "RegisterProduct",
    "SaleEndsBeforeItBegins", "SetStock", "Sort", "SqlProductRepository", "StockReturned",
    "StockSoldOut", "StockView", "cached_product", "detail_view", "listing_of",
]  # fmt: skip
