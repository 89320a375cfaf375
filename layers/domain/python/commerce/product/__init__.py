"""Products and their stock."""

from commerce.product.commands import ListProducts, RegisterProduct, SetStock, Sort
from commerce.product.errors import OutOfStock, ProductNotFound
from commerce.product.events import ProductViewed, StockReturned, StockSoldOut
from commerce.product.facade import Offer, ProductFacade, listing_of
from commerce.product.model import ProductState
from commerce.product.views import (
    FirstPages,
    ProductCard,
    ProductDetailView,
    ProductView,
    StockView,
    card_of,
)

__all__ = [
    "FirstPages",
    "ListProducts",
    "Offer",
    "OutOfStock",
    "ProductCard",
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
    "card_of",
    "listing_of",
]
