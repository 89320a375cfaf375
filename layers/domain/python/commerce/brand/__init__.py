"""Brands: who makes the products."""

from commerce.brand.commands import RegisterBrand
from commerce.brand.errors import BrandNotFound
from commerce.brand.facade import BrandFacade
from commerce.brand.views import BrandView

__all__ = ["BrandFacade", "BrandNotFound", "BrandView", "RegisterBrand"]
