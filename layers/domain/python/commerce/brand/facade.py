"""The brand context's facade."""

from collections.abc import Collection
from functools import partial
from uuid import UUID

from commerce.brand.commands import EditBrand, RegisterBrand
from commerce.brand.errors import BrandNotFound
from commerce.brand.model import Brand
from commerce.brand.repository import BrandRepository
from commerce.brand.views import BrandView, VersionedBrand
from commerce.runtime.audit import Change
from commerce.shared import clock, cursor
from commerce.shared import etag as versions
from commerce.shared.etag import IfMatch
from commerce.shared.pagination import newest_first
from commerce.shared.schemas import Page


class BrandFacade:
    """Brands are registered and edited by admins, and read by anyone."""

    def __init__(self, brands: BrandRepository) -> None:
        self._brands = brands

    def register(self, command: RegisterBrand, *, by: str = "system") -> BrandView:
        """Register a new brand."""
        brand = Brand(clock.new_id(), command.name, command.description)
        self._brands.add(brand)
        self._brands.record(Change(by, "REGISTER_BRAND", brand.id, {}, command.model_dump()))
        return _view(brand)

    def edit(
        self, brand_id: str, command: EditBrand, *, by: str, if_match: IfMatch = None
    ) -> VersionedBrand:
        """Edit a brand, unless it was edited since the version that the caller has seen.

        Raises BrandNotFound, StaleVersion.
        """
        brand = self._find(brand_id)
        versions.require_seen([brand.version], if_match, command.version)
        after = {name: v for name, v in command.changes.items() if v != getattr(brand, name)}
        if after:
            before = {name: getattr(brand, name) for name in after}
            brand.edit(after)
            on_stale = partial(versions.outdated, if_match, command.version)
            self._brands.save(brand, on_stale=on_stale)
            self._brands.record(Change(by, "EDIT_BRAND", brand.id, before, after))
        return _versioned(brand)

    def get(self, brand_id: str) -> BrandView:
        """Return one brand. Raises BrandNotFound."""
        return _view(self._find(brand_id))

    def get_versioned(self, brand_id: str) -> VersionedBrand:
        """Return one brand with its version. Raises BrandNotFound."""
        return _versioned(self._find(brand_id))

    def get_all(self, ids: Collection[UUID]) -> dict[UUID, BrandView]:
        """Return several brands in one statement; unknown ids are left out."""
        return {id_: _view(brand) for id_, brand in self._brands.find_all(ids).items()}

    def list(self, *, limit: int, after: str | None) -> Page[BrandView]:
        """List brands, newest first. Raises InvalidCursor."""
        return newest_first("brands", after, limit, self._brands.newest, _view)

    def _find(self, brand_id: str) -> Brand:
        found = cursor.parse_id(brand_id)
        brands = self._brands.find_all([found]) if found else {}
        for brand in brands.values():
            return brand
        raise BrandNotFound


def _versioned(brand: Brand) -> VersionedBrand:
    return VersionedBrand(brand=_view(brand), version=brand.version)


def _view(brand: Brand) -> BrandView:
    return BrandView(brand_id=str(brand.id), name=brand.name, description=brand.description)
