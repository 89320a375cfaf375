"""Views of brands."""

from commerce.shared.schemas import View


class BrandView(View):
    """One brand."""

    brand_id: str
    name: str
    description: str


class VersionedBrand(View):
    """One brand, with the version that its ETag shows."""

    brand: BrandView
    version: int
