"""Brands as callers see them."""

from commerce.shared.shapes import View


class BrandView(View):
    """One brand."""

    brand_id: str
    name: str
    description: str
