"""The use cases of the user context."""

from collections.abc import Callable
from functools import partial
from uuid import UUID

from commerce.runtime.audit import Change
from commerce.shared import clock
from commerce.shared import etag as versions
from commerce.shared.etag import IfMatch
from commerce.shared.scopes import Scope
from commerce.user import passwords
from commerce.user.addresses import normalized
from commerce.user.commands import EditMe, SignUp
from commerce.user.errors import UserNotFound
from commerce.user.model import User
from commerce.user.repository import UserRepository
from commerce.user.sessions.repository import SessionRepository
from commerce.user.views import Entrant, UserView, VersionedUser


class UserFacade:
    """Users sign up, read and edit their data; operators grant scopes."""

    def __init__(self, users: UserRepository, sessions: SessionRepository) -> None:
        self._users = users
        self._sessions = sessions

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

    def admins(self) -> list[UserView]:
        """Return all admins, by login id."""
        return [_view(user) for user in self._users.with_scope(Scope.ADMIN)]

    def grant_admin(self, login_id: str, *, by: str) -> UserView:
        """Make a user an admin: their sessions need new access tokens, which have the scope.

        No path of the API leads here: only who has access to the database can appoint admins.
        Raises UserNotFound.
        """
        user, is_changed = self._change(
            login_id, "grant admin", by, lambda old: old | {Scope.ADMIN}
        )
        if is_changed:
            self._sessions.renew_tokens(user.id, user.epoch)
        return _view(user)

    def revoke_admin(self, login_id: str, *, by: str) -> UserView:
        """Revoke the admin scope, and end all of the user's sessions. Raises UserNotFound."""
        user, is_changed = self._change(
            login_id, "revoke admin", by, lambda old: old - {Scope.ADMIN}
        )
        if is_changed:
            self._sessions.end_all(user.id)
        return _view(user)

    def _find(self, user_id: UUID) -> User:
        user = self._users.find(user_id)
        if user is None:
            raise UserNotFound
        return user

    def _change(
        self,
        login_id: str,
        action: str,
        by: str,
        changed: Callable[[frozenset[str]], frozenset[str]],
    ) -> tuple[User, bool]:
        user = self._users.lock_login(login_id)
        if user is None:
            raise UserNotFound
        before, after = user.scopes, changed(user.scopes)
        if before == after:
            return user, False
        user.change_scopes(after)
        scopes = {"scopes": sorted(before)}, {"scopes": sorted(after)}
        self._users.save_scopes(user, Change(by, action, user.id, *scopes))
        return user, True


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
