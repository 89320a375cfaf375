"""The address book in PostgreSQL."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from commerce.runtime.db.pipeline import Query, Row
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared.postal import PostalAddress
from commerce.user.address_book.model import Address
from commerce.user.errors import UserNotFound

if TYPE_CHECKING:
    from commerce.user.address_book import statements as sql
else:
    sql = precompiled("commerce.user.address_book.statements")


class AddressRepository:
    """The store of users' addresses."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def of_user(self, user_id: UUID) -> list[Address]:
        """Return the user's addresses, the default first, then the newest."""
        return [_address(row) for row in self._uow.read(sql.LIST(user_id=user_id))]

    def lock_all(self, user_id: UUID) -> list[Address]:
        """Return the user's addresses; until the transaction ends no other changes them.

        Raises UserNotFound where a token without an account asks: operators have such tokens.
        """
        user, found = self._uow.lock_together(
            sql.LOCK_USER(user_id=user_id), sql.LIST(user_id=user_id)
        )
        if not user:
            raise UserNotFound
        return [_address(row) for row in found]

    def reads_of_one(self, id_: UUID, user_id: UUID) -> Sequence[Query]:
        """Return what `find` will read."""
        return [sql.ONE(address_id=id_, user_id=user_id)]

    def find(self, id_: UUID, user_id: UUID) -> Address | None:
        """Return the user's address with this id."""
        [query] = self.reads_of_one(id_, user_id)
        for row in self._uow.read(query):
            return _address(row)
        return None

    def add(self, address: Address) -> None:
        """Store a new address; if it is the default, no other is any more."""
        self._make_room_for_default(address)
        self._uow.write(
            sql.ADD(
                id=address.id,
                user_id=address.user_id,
                is_default=address.is_default,
                **dict(address.postal),
            )
        )

    def save(self, address: Address) -> None:
        """Store an address that has changed; if it is the default, no other is any more."""
        self._make_room_for_default(address)
        fields = {f"new_{name}": value for name, value in address.postal}
        self._uow.write(
            sql.SAVE(address_id=address.id, new_is_default=address.is_default, **fields)
        )

    def remove(self, address: Address) -> None:
        """Delete an address."""
        self._uow.write(sql.REMOVE(address_id=address.id, user_id=address.user_id))

    def remove_all(self, user_id: UUID) -> None:
        """Delete all of a user's addresses."""
        self._uow.write(sql.REMOVE_ALL(user_id=user_id))

    def _make_room_for_default(self, address: Address) -> None:
        if address.is_default:
            self._uow.write(sql.CLEAR_DEFAULT(user_id=address.user_id))


def _address(row: Row) -> Address:
    return Address(
        id=row.id,
        user_id=row.user_id,
        postal=PostalAddress.model_validate(row),
        is_default=row.is_default,
    )
