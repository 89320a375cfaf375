"""Brands, the makers of products."""

from commerce.brand.commands import EditBrand, RegisterBrand
from commerce.brand.errors import BrandNotFound
from commerce.brand.events import BrandChanged
from commerce.brand.facade import BrandFacade
from commerce.brand.repository import SqlBrandRepository
from commerce.brand.views import BrandView, VersionedBrand

__all__ = [
    "BrandChanged", "BrandFacade", "BrandNotFound", "BrandView", "EditBrand", "RegisterBrand",
    "SqlBrandRepository", "VersionedBrand",
]  # fmt: skip
