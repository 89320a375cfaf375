"""The commands of the address book."""

from typing import Any

from commerce.shared.postal import (
    Country,
    Phone,
    Place,
    PostalCode,
    Recipient,
    ShipTo,
    Street,
    Unshown,
)
from commerce.shared.schemas import Patch


class AddAddress(ShipTo):
    """Add an address to one's address book; the first one is the default."""

    is_default: bool = False


class EditAddress(Unshown, Patch):
    """A merge patch: absent fields stay as they are, null removes what may be missing."""

    recipient: Recipient = ""
    phone: Phone = ""
    line1: Street = ""
    line2: Street | None = None
    city: Place | None = None
    region: Place | None = None
    country: Country = ""
    postal_code: PostalCode | None = None
    is_default: bool = False

    @property
    def changes(self) -> dict[str, Any]:
        """The fields that were sent."""
        return self.model_dump(exclude_unset=True)
