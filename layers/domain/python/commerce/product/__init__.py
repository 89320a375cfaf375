"""Products and their stock."""

from commerce.product.commands import ListProducts, RegisterProduct, SetStock, Sort
from commerce.product.errors import OutOfStock, ProductNotFound
from commerce.product.facade import Offer, ProductFacade
from commerce.product.views import ProductDetailView, ProductView, StockView

__all__ = [
    "ListProducts",
    "Offer",
    "OutOfStock",
    "ProductDetailView",
    "ProductFacade",
    "ProductNotFound",
    "ProductView",
    "RegisterProduct",
    "SetStock",
    "Sort",
    "StockView",
]
