"""The use cases of erasure, as far as they are the user context's."""

from typing import Any
from uuid import UUID

from commerce.shared.schemas import Page
from commerce.user.confirmation import Attempt, Checked, check, confirm
from commerce.user.erasure.commands import EraseMe
from commerce.user.erasure.errors import StillStaff
from commerce.user.erasure.repository import ErasureRepository
from commerce.user.erasure.views import AccountView
from commerce.user.errors import UserNotFound
from commerce.user.model import User
from commerce.user.repository import UserRepository


class ErasureFacade:
    """Users see the account that is kept about them, and have it erased."""

    def __init__(self, users: UserRepository, erasures: ErasureRepository) -> None:
        self._users = users
        self._erasures = erasures

    def account(self, user_id: UUID) -> Page[AccountView]:
        """Return a user's account, as a page of one. Raises UserNotFound."""
        found = self._erasures.account(user_id)
        if found is None:
            raise UserNotFound
        facts: dict[str, Any] = found._asdict()
        view = AccountView(user_id=str(facts.pop("id")), **facts)
        return Page(items=[view], next_cursor=None)

    def check(self, command: EraseMe, *, user_id: UUID) -> Checked:
        """Verify the password, before anything is locked. Raises UserNotFound."""
        return check(self._users, user_id, command.password)

    def hold(self, checked: Checked) -> tuple[Attempt, User | None]:
        """Keep anything new from being stored for the user, count the attempt, and lock the user.

        The user is returned where the password was right. Raises StillStaff.
        """
        self._erasures.hold(checked.user.id)
        attempt, user = confirm(self._users, checked)
        if user is not None and user.scopes:
            raise StillStaff
        return attempt, user

    def id_of(self, login_id: str) -> UUID:
        """Return the id of the user with this login id, whatever its case. Raises UserNotFound."""
        user, _ = self._users.find_login(login_id, [])
        if user is None:
            raise UserNotFound
        return user.id

    def hold_as_operator(self, user_id: UUID) -> User:
        """Keep anything new from being stored for a user, and lock them, without their password.

        Raises UserNotFound, StillStaff.
        """
        self._erasures.hold(user_id)
        user = self._users.lock(user_id)
        if user is None:
            raise UserNotFound
        if user.scopes:
            raise StillStaff
        return user

    def forget(self, user: User) -> None:
        """Delete a held user's account, and all that signs them in."""
        self._erasures.forget(user)
