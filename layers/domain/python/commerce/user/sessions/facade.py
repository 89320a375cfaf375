"""The use cases of sessions: they open with a password, go on with refresh tokens, and end."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from commerce.runtime import tokens
from commerce.runtime.tokens import Identity, SessionEnded
from commerce.shared import clock, cursor
from commerce.shared.schemas import Page
from commerce.user import devices, passwords
from commerce.user.confirmation import (
    Attempt,
    account_of,
    blocked_by,
    check,
    confirm,
    count,
    require_unchanged,
)
from commerce.user.devices import Device
from commerce.user.errors import BadCredentials
from commerce.user.model import User
from commerce.user.repository import UserRepository
from commerce.user.sessions import refresh_tokens
from commerce.user.sessions.commands import ChangePassword, OpenSession, RefreshSession
from commerce.user.sessions.errors import SessionNotFound
from commerce.user.sessions.model import LIFETIME, MAX_SESSIONS, Refresh, Session
from commerce.user.sessions.repository import SessionRepository
from commerce.user.sessions.views import NewSessionView, SessionView, TokensView
from commerce.user.throttle import Attempts, counter_of, counters_of

MAX_USER_AGENT = 200


@dataclass(frozen=True, slots=True)
class Opened:
    """An attempt to sign in, with what it opened."""

    attempt: Attempt
    user: User | None = None
    device: Device | None = None
    session: Session | None = None

    def view(self) -> NewSessionView:
        """Return the tokens. Raises BadCredentials, TooManyAttempts, AccountSuspended."""
        self.attempt.require()
        if self.user is None or self.session is None or self.device is None:
            raise BadCredentials
        pair = _pair(self.user, self.session)
        return NewSessionView(**pair.model_dump(), device_token=devices.token_of(self.device))


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The result of a refresh; what ended with it is committed before it raises."""

    meaning: Refresh | None = None
    user: User | None = None
    session: Session | None = None

    @property
    def account(self) -> dict[str, str]:
        """Name the account in log lines, where it is known."""
        return {"user_id": str(self.user.id)} if self.user else {}

    @property
    def is_reuse(self) -> bool:
        """True where the token was used before, by its owner or a thief."""
        return self.meaning is Refresh.REUSED

    def view(self) -> TokensView:
        """Return the next tokens. Raises SessionEnded."""
        if self.user is None or self.session is None or self.is_reuse:
            raise SessionEnded
        return _pair(self.user, self.session)


class SessionFacade:
    """Users sign in, stay signed in, see where they are, and sign out."""

    def __init__(self, users: UserRepository, sessions: SessionRepository) -> None:
        self._users = users
        self._sessions = sessions

    def open(self, command: OpenSession, *, source_ip: str, user_agent: str = "") -> Opened:
        """Check a password, count the attempt, and open a session.

        The password is verified before anything is locked, because hashing is slow; user and
        counters are read again under their locks, so that concurrent guesses gain nothing.
        """
        login_id = command.login_id.lower()
        user, device, attempts = self._find(login_id, source_ip, command)
        account = account_of(user, login_id)
        if blocked := blocked_by(account, attempts):
            return Opened(blocked)
        is_right = passwords.is_right(
            command.password.get_secret_value(), user.password_hash if user else None
        )
        counters = [each.counter for each in attempts]
        found, attempts = self._users.lock_login_attempts(login_id, counters)
        require_unchanged(user, found)
        if blocked := blocked_by(account, attempts):
            return Opened(blocked)
        count(self._users, attempts, is_right=is_right)
        if found is None or not is_right:
            return Opened(Attempt(account))
        if found.is_suspended:
            return Opened(Attempt(account, is_right=True, is_suspended=True))
        session = self._open(found, user_agent)
        device = device or Device(clock.new_id(), found.id)
        return Opened(Attempt(account, is_right=True), found, device, session)

    def refresh(self, command: RefreshSession) -> Refreshed:
        """Take a refresh token; the session ends where the token was used before."""
        token = refresh_tokens.read(command.refresh_token.get_secret_value())
        if token is None:
            return Refreshed()
        user = self._users.lock_shared(token.user_id)
        session = self._sessions.lock(token.session_id, token.user_id)
        now = clock.now()
        if user is None or session is None or session.expires_at <= now:
            return Refreshed(user=user)
        meaning = session.refresh(token.generation, user.epoch, now)
        if meaning is Refresh.NEXT:
            self._sessions.save(session)
        elif meaning is Refresh.REUSED:
            self._sessions.end(session.id, user.id)
        return Refreshed(meaning, user, session)

    def list(self, *, identity: Identity) -> Page[SessionView]:
        """List the caller's sessions, the last used first; there are few enough for one page."""
        found = self._sessions.of_user(identity.user_id)
        items = [_view(each, identity.session_id) for each in found]
        return Page[SessionView](items=items, next_cursor=None)

    def end(self, session_id: str, *, user_id: UUID) -> None:
        """End one of the caller's sessions. Raises SessionNotFound."""
        id_ = cursor.parse_id(session_id)
        if id_ is None or self._sessions.lock(id_, user_id) is None:
            raise SessionNotFound
        self._sessions.end(id_, user_id)

    def end_current(self, *, identity: Identity) -> None:
        """End the session that this request is part of."""
        if identity.session_id is not None:
            self._sessions.end(identity.session_id, identity.user_id)

    def end_all(self, *, user_id: UUID) -> None:
        """End all of the caller's sessions."""
        self._users.lock(user_id)
        self._sessions.end_all(user_id)

    def change_password(
        self, command: ChangePassword, *, identity: Identity
    ) -> tuple[Attempt, User | None]:
        """Replace the password and end all other sessions, where the current one is right.

        The user is returned, locked, where it was. Raises UserNotFound, WeakPassword.
        """
        checked = check(self._users, identity.user_id, command.current_password)
        if checked.blocked:
            return checked.blocked, None
        new = command.new_password.get_secret_value()
        passwords.require_strong(new, *checked.user.personal)
        new_hash = passwords.hashed(new) if checked.is_right else ""
        attempt, user = confirm(self._users, checked)
        if user is not None:
            user.change_password(new_hash)
            self._users.save_password(user)
            self._sessions.end_all(user.id, but=identity.session_id)
        return attempt, user

    def _find(
        self, login_id: str, source_ip: str, command: OpenSession
    ) -> tuple[User | None, Device | None, Sequence[Attempts]]:
        """Find the user, the device if it is one of theirs, and what the attempt is counted by."""
        token = command.device_token
        shown = devices.read(token.get_secret_value() if token else None)
        own = [counter_of(shown)] if shown else []
        shared = counters_of(login_id, source_ip)
        user, attempts = self._users.find_login(login_id, [*own, *shared])
        if shown and user and shown.user_id == user.id:
            return user, shown, attempts[:1]
        return user, None, attempts[len(own) :]

    def _open(self, user: User, user_agent: str) -> Session:
        agent = "".join(filter(str.isprintable, user_agent))[:MAX_USER_AGENT]
        session = Session.opened(clock.new_id(), user.id, user.epoch, agent, clock.now())
        self._sessions.end_oldest(user.id, kept=MAX_SESSIONS - 1)
        self._sessions.add(session)
        return session


def _pair(user: User, session: Session) -> TokensView:
    return TokensView(
        access_token=tokens.sign(user.id, user.scopes, session_id=session.id, epoch=session.epoch),
        token_type="Bearer",  # noqa: S106
        expires_in=tokens.lifetime_seconds(),
        refresh_token=refresh_tokens.token_of(session),
        refresh_expires_in=int(LIFETIME.total_seconds()),
    )


def _view(session: Session, current: UUID | None) -> SessionView:
    return SessionView(
        session_id=str(session.id),
        user_agent=session.user_agent,
        created_at=session.created_at,
        last_used_at=session.used_at,
        expires_at=session.expires_at,
        is_current=session.id == current,
    )
