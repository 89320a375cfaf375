"""Brands as callers see them."""

from commerce.shared.schemas import View


class BrandView(View):
    """One brand."""

    brand_id: str
    name: str
    description: str


class VersionedBrand(View):
    """One brand, with the version that its tag shows."""

    brand: BrandView
    version: int
