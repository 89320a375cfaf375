"""The address book: where a user has goods sent."""

from commerce.user.address_book.commands import AddAddress, EditAddress
from commerce.user.address_book.errors import AddressNotFound, TooManyAddresses, WrongPostalCode
from commerce.user.address_book.facade import AddressBookFacade
from commerce.user.address_book.repository import AddressRepository
from commerce.user.address_book.views import AddressView

__all__ = [
    "AddAddress", "AddressBookFacade", "AddressNotFound", "AddressRepository", "AddressView",
    "EditAddress", "TooManyAddresses", "WrongPostalCode",
]  # fmt: skip
