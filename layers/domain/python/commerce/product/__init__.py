"""Products and their stock."""

from commerce.product.commands import (
    AdjustStock,
    EditProduct,
    ListProducts,
    RegisterProduct,
    SetStock,
    Sort,
)
from commerce.product.errors import (
    NotOnSale,
    OutOfStock,
    Oversold,
    ProductNotFound,
    SaleEndsBeforeItBegins,
)
from commerce.product.events import ProductChanged, ProductViewed, StockReturned, StockSoldOut
from commerce.product.facade import LONGEST_PAGE, Offer, ProductFacade, listing_of
from commerce.product.model import ProductState, ProductSummary
from commerce.product.repository import SqlProductRepository
from commerce.product.sale_terms import Availability
from commerce.product.stock_facade import StockFacade
from commerce.product.views import (
    CachedProduct,
    FirstPages,
    ProductDetailView,
    ProductView,
    StockMovementView,
    StockView,
    cached_product,
    detail_view,
)

__all__ = [
    "LONGEST_PAGE", "AdjustStock", "Availability", "CachedProduct", "EditProduct", "FirstPages",
    "ListProducts", "NotOnSale", "Offer", "OutOfStock", "Oversold", "ProductChanged",
    "ProductDetailView", "ProductFacade", "ProductNotFound", "ProductState", "ProductSummary",
    "ProductView", "ProductViewed", "RegisterProduct", "SaleEndsBeforeItBegins", "SetStock", "Sort",
    "SqlProductRepository", "StockFacade", "StockMovementView", "StockReturned", "StockSoldOut",
    "StockView", "cached_product", "detail_view", "listing_of",
]  # fmt: skip
