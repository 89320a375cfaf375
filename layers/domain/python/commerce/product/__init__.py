"""Products and their stock."""

from commerce.product.commands import (
    EditProduct,
    ListProducts,
    RegisterProduct,
    SetStock,
    SetStripes,
    Sort,
)
from commerce.product.errors import OutOfStock, ProductNotFound
from commerce.product.events import ProductChanged, ProductViewed, StockReturned, StockSoldOut
from commerce.product.facade import LONGEST_PAGE, Offer, ProductFacade, listing_of
from commerce.product.model import ProductState, SalesSpike
from commerce.product.views import (
    FirstPages,
    ProductDetailView,
    ProductView,
    StockView,
    StripesView,
    listed,
)

__all__ = [
    "LONGEST_PAGE",
    "EditProduct",
    "FirstPages",
    "ListProducts",
    "Offer",
    "OutOfStock",
    "ProductChanged",
    "ProductDetailView",
    "ProductFacade",
    "ProductNotFound",
    "ProductState",
    "ProductView",
    "ProductViewed",
    "RegisterProduct",
    "SalesSpike",
    "SetStock",
    "SetStripes",
    "Sort",
    "StockReturned",
    "StockSoldOut",
    "StockView",
    "StripesView",
    "listed",
    "listing_of",
]
