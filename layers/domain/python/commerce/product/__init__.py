"""Products and their stock."""

from commerce.product.commands import ListProducts, RegisterProduct, SetStock, Sort
from commerce.product.errors import OutOfStock, ProductNotFound
from commerce.product.events import ProductViewed, StockReturned, StockSoldOut
from commerce.product.facade import Offer, ProductFacade, listing_of
from commerce.product.model import ProductState
from commerce.product.views import (
    FirstPages,
    ProductDetailView,
    ProductView,
    StockView,
    listed,
)

__all__ = [
    "FirstPages",
    "ListProducts",
    "Offer",
    "OutOfStock",
    "ProductDetailView",
    "ProductFacade",
    "ProductNotFound",
    "ProductState",
    "ProductView",
    "ProductViewed",
    "RegisterProduct",
    "SetStock",
    "Sort",
    "StockReturned",
    "StockSoldOut",
    "StockView",
    "listed",
    "listing_of",
]
