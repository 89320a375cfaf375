"""The use cases of the user context."""

from functools import partial
from uuid import UUID

from commerce.shared import clock
from commerce.shared import etag as versions
from commerce.shared.etag import IfMatch
from commerce.user import passwords
from commerce.user.addresses import normalized
from commerce.user.commands import EditMe, SignUp
from commerce.user.errors import UserNotFound
from commerce.user.model import User
from commerce.user.repository import UserRepository
from commerce.user.views import Entrant, UserView, VersionedUser


class UserFacade:
    """Users sign up, read and edit their data."""

    def __init__(self, users: UserRepository) -> None:
        self._users = users

    def sign_up(self, command: SignUp) -> UserView:
        """Open an account.

        Raises WeakPassword; LoginIdTaken and EmailTaken, on commit at the latest.
        """
        password = command.password.get_secret_value()
        passwords.require_strong(password, command.login_id, command.name, command.email)
        user = User.signed_up(
            id_=clock.new_id(),
            login_id=command.login_id,
            password_hash=passwords.hashed(password),
            name=command.name,
            email=command.email,
            birth_date=command.birth_date,
            gender=command.gender,
        )
        self._users.add(user)
        self._users.claim_email(user)
        return _view(user)

    def get(self, user_id: UUID) -> VersionedUser:
        """Return a user. Raises UserNotFound."""
        return _versioned(self._find(user_id))

    def edit(self, user_id: UUID, command: EditMe, *, if_match: IfMatch = None) -> VersionedUser:
        """Edit a user's own data, unless it was edited since the version that they have seen.

        Another address is claimed; the same one in other letters stays as verified as it was.

        Raises UserNotFound, StaleVersion; EmailTaken, on commit at the latest.
        """
        user = self._find(user_id)
        versions.require_seen([user.version], if_match)
        claimed = normalized(user.email)
        if user.edit(command.changes):
            self._users.save(user, on_stale=partial(versions.outdated, if_match))
        if normalized(user.email) != claimed:
            user.email_verified = False
            self._users.claim_email(user)
        return _versioned(user)

    def entrant(self, user_id: UUID) -> Entrant:
        """Return what the terms of a drop ask about an account. Raises UserNotFound."""
        entrant = self._users.entrant(user_id)
        if entrant is None:
            raise UserNotFound
        return entrant

    def _find(self, user_id: UUID) -> User:
        user = self._users.find(user_id)
        if user is None:
            raise UserNotFound
        return user


def _versioned(user: User) -> VersionedUser:
    return VersionedUser(user=_view(user), version=user.version)


def _view(user: User) -> UserView:
    return UserView(
        user_id=str(user.id),
        login_id=user.login_id,
        name=user.name,
        email=user.email,
        email_verified=user.email_verified,
        birth_date=user.birth_date,
        gender=user.gender,
    )
