"""The views of the address book."""

from commerce.shared.postal import PostalAddress


class AddressView(PostalAddress):
    """An address of a user's address book."""

    address_id: str
    is_default: bool
