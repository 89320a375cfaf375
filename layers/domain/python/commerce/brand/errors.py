"""Errors of the brand context."""

from commerce.shared.errors import CommerceError, Kind


class BrandNotFound(CommerceError):
    """There is no such brand."""

    kind = Kind.NOT_FOUND
    code = "BRAND_NOT_FOUND"
