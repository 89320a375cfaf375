"""The errors of the address book."""

from commerce.shared.errors import CommerceError, Kind
from commerce.shared.postal import WRONG_POSTAL_CODE


class AddressNotFound(CommerceError):
    """The user has no such address."""

    kind = Kind.NOT_FOUND
    code = "ADDRESS_NOT_FOUND"


class TooManyAddresses(CommerceError):
    """A user may have only so many addresses."""

    kind = Kind.CONFLICT
    code = "TOO_MANY_ADDRESSES"

    def __init__(self, limit: int) -> None:
        super().__init__(f"Delete one of your {limit} addresses first.", facts={"limit": limit})


class WrongPostalCode(CommerceError):
    """The postal code is none of the address's country."""

    kind = Kind.INVALID
    code = "WRONG_POSTAL_CODE"

    def __init__(self) -> None:
        error = {"field": "postal_code", "message": WRONG_POSTAL_CODE, "code": "postal_code"}
        super().__init__(WRONG_POSTAL_CODE, errors=[error])
