"""Products and their stock."""

from commerce.product.commands import (
    AdjustStock,
    EditProduct,
    ListProducts,
    RegisterProduct,
    SetStock,
    Sort,
)
from commerce.product.errors import OutOfStock, Oversold, ProductNotFound
from commerce.product.events import ProductChanged, ProductViewed, StockReturned, StockSoldOut
from commerce.product.facade import LONGEST_PAGE, Offer, ProductFacade, listing_of
from commerce.product.model import ProductState
from commerce.product.repository import SqlProductRepository
from commerce.product.stock_facade import StockFacade
from commerce.product.views import (
    FirstPages,
    ProductDetailView,
    ProductView,
    StockMovementView,
    StockView,
    detail_view,
    product_view,
    summary_of,
)

__all__ = [
    "LONGEST_PAGE", "AdjustStock", "EditProduct", "FirstPages", "ListProducts", "Offer",
    "OutOfStock", "Oversold", "ProductChanged", "ProductDetailView", "ProductFacade",
    "ProductNotFound", "ProductState", "ProductView", "ProductViewed", "RegisterProduct",
    "SetStock", "Sort", "SqlProductRepository", "StockFacade", "StockMovementView",
    "StockReturned", "StockSoldOut", "StockView", "detail_view", "listing_of", "product_view",
    "summary_of",
]  # fmt: skip
