"""The use cases of the address book."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from commerce.runtime.db.pipeline import Query
from commerce.shared import clock, cursor
from commerce.shared.postal import FIELDS, PostalAddress, is_of_country
from commerce.shared.schemas import Page
from commerce.user.address_book.commands import AddAddress, EditAddress
from commerce.user.address_book.errors import AddressNotFound, TooManyAddresses, WrongPostalCode
from commerce.user.address_book.model import MAX_ADDRESSES, Address
from commerce.user.address_book.repository import AddressRepository
from commerce.user.address_book.views import AddressView


class AddressBookFacade:
    """Users keep addresses; an order takes a copy of one, which stays as it is."""

    def __init__(self, addresses: AddressRepository) -> None:
        self._addresses = addresses

    def list(self, user_id: UUID) -> Page[AddressView]:
        """List all of a user's addresses, the default first, then the newest."""
        items = [_view(each) for each in self._addresses.of_user(user_id)]
        return Page(items=items, next_cursor=None)

    def reads_of_address(self, address_id: str, *, user_id: UUID) -> Sequence[Query]:
        """Return what `get` will read."""
        id_ = cursor.parse_id(address_id)
        return self._addresses.reads_of_one(id_, user_id) if id_ else ()

    def get(self, address_id: str, *, user_id: UUID) -> PostalAddress:
        """Return one of a user's addresses, for an order to keep. Raises AddressNotFound."""
        id_ = cursor.parse_id(address_id)
        found = self._addresses.find(id_, user_id) if id_ else None
        if found is None:
            raise AddressNotFound
        return found.postal

    def add(self, command: AddAddress, *, user_id: UUID) -> AddressView:
        """Add an address; a first one is the default. Raises TooManyAddresses, UserNotFound."""
        others = self._addresses.lock_all(user_id)
        if len(others) >= MAX_ADDRESSES:
            raise TooManyAddresses(MAX_ADDRESSES)
        address = Address(
            id=clock.new_id(),
            user_id=user_id,
            postal=command.address,
            is_default=command.is_default or not others,
        )
        self._addresses.add(address)
        return _view(address)

    def edit(self, address_id: str, command: EditAddress, *, user_id: UUID) -> AddressView:
        """Change fields of an address; orders keep their copies.

        Raises AddressNotFound, UserNotFound, WrongPostalCode.
        """
        address, changes = self._lock(address_id, user_id), command.changes
        postal = address.postal.model_copy(
            update={name: changes[name] for name in FIELDS if name in changes}
        )
        if not is_of_country(postal.postal_code, postal.country):
            raise WrongPostalCode
        is_default = changes.get("is_default", address.is_default)
        address = replace(address, postal=postal, is_default=is_default)
        self._addresses.save(address)
        return _view(address)

    def remove(self, address_id: str, *, user_id: UUID) -> None:
        """Delete an address; orders keep their copies.

        Raises AddressNotFound, UserNotFound.
        """
        self._addresses.remove(self._lock(address_id, user_id))

    def erase_user(self, user_id: UUID) -> None:
        """Delete all that the address book has about a user."""
        self._addresses.remove_all(user_id)

    def _lock(self, address_id: str, user_id: UUID) -> Address:
        for each in self._addresses.lock_all(user_id):
            if each.id == cursor.parse_id(address_id):
                return each
        raise AddressNotFound


def _view(address: Address) -> AddressView:
    return AddressView(
        **dict(address.postal), address_id=str(address.id), is_default=address.is_default
    )
