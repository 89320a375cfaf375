"""The use cases of staff: scopes are granted and revoked, users are found and suspended.

Who changes an account is named twice: `by` for the audit, and `actor`, their account, where they
have one. An actor who lost the scope `admin` while they waited for the lock changes nothing, so two
admins cannot revoke each other.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

from commerce.runtime.audit import Change
from commerce.runtime.db.pipeline import Row
from commerce.runtime.tokens import SessionEnded
from commerce.shared import clock, cursor
from commerce.shared.pagination import newest_first
from commerce.shared.schemas import Page
from commerce.shared.scopes import Scope
from commerce.user.errors import UserNotFound
from commerce.user.sessions.repository import SessionRepository
from commerce.user.staff.commands import SetScopes, SuspendUser
from commerce.user.staff.errors import BootstrapUsed, LastAdmin, OwnAccount
from commerce.user.staff.model import Member
from commerce.user.staff.repository import StaffRepository
from commerce.user.staff.views import EndedView, ListedStaffView, StaffUserView, StaffView


class StaffFacade:
    """Admins decide who is staff, and who is suspended."""

    def __init__(self, staff: StaffRepository, sessions: SessionRepository) -> None:
        self._staff = staff
        self._sessions = sessions

    def list(self, *, limit: int, after: str | None) -> Page[ListedStaffView]:
        """List users with scopes, the newest first. Raises InvalidCursor."""
        return newest_first("staff", after, limit, self._staff.page, _listed)

    def set_scopes(
        self, user_id: str, command: SetScopes, *, by: str, actor: UUID | None
    ) -> StaffView:
        """Grant a user these scopes and no others. Raises UserNotFound, LastAdmin, SessionEnded.

        Their access tokens are outdated at once; where a scope is revoked, their sessions end.
        """
        wanted = frozenset(command.scopes)
        return self._change(_parsed(user_id), lambda _: wanted, by, actor)

    def bootstrap(
        self, user_id: str, command: SetScopes, *, by: str, actor: UUID | None
    ) -> StaffView:
        """Grant scopes as the token of a fresh deployment may: once, while there is no admin.

        What `set_scopes` refuses uses nothing up. Raises what it raises; BootstrapUsed, on commit
        at the latest.
        """
        if any(each.is_acting_admin for each in self._lock(_parsed(user_id), actor).values()):
            raise BootstrapUsed
        self._staff.use_bootstrap(clock.now())
        return self.set_scopes(user_id, command, by=by, actor=actor)

    def revoke(self, user_id: str, *, by: str, actor: UUID | None) -> None:
        """Revoke all scopes of a user. Raises what `set_scopes` raises."""
        self._change(_parsed(user_id), lambda _: frozenset(), by, actor)

    def grant_by_login(self, login_id: str, scopes: Iterable[Scope], *, by: str) -> StaffView:
        """Grant a user scopes besides those that they have. Raises UserNotFound."""
        return self._change(self._id_of(login_id), lambda held: held | set(scopes), by, None)

    def revoke_by_login(self, login_id: str, scopes: Iterable[Scope], *, by: str) -> EndedView:
        """Revoke some of a user's scopes, or all where none is named. Raises UserNotFound.

        Their sessions end where they had one of these scopes.
        """
        id_, named = self._id_of(login_id), set(scopes)
        member = self._lock(id_, None)[id_]
        revoked = member.scopes & (named or member.scopes)
        ended = len(self._sessions.of_user(id_)) if revoked else 0
        self._change(id_, lambda held: held - revoked, by, None)
        return _ended(member, revoked, ended)

    def end_sessions_by_login(self, login_id: str, *, by: str) -> EndedView:
        """End all of a user's sessions; they keep their scopes. Raises UserNotFound."""
        id_ = self._id_of(login_id)
        member = self._lock(id_, None)[id_]
        ended = len(self._sessions.of_user(id_))
        self.end_sessions(str(id_), by=by, actor=None)
        return _ended(member, (), ended)

    def find(self, *, login_id: str | None, email: str | None, by: str) -> Page[StaffUserView]:
        """Find the user with exactly this login id and this address; the audit names them."""
        found: Sequence[Row] = ()
        if login_id is not None:
            found = self._staff.with_login_id(login_id)
        if email is not None:
            owners = self._staff.with_email(email)
            found = owners if login_id is None else [each for each in found if each in owners]
        for user in found:
            self._staff.record(Change(by, "read user", user.id, {}, {}))
        return Page(items=[_user_view(each) for each in found], next_cursor=None)

    def get(self, user_id: str) -> StaffUserView:
        """Return a user. Raises UserNotFound."""
        found = self._staff.find(_parsed(user_id))
        if found is None:
            raise UserNotFound
        return _user_view(found)

    def suspend(
        self, user_id: str, command: SuspendUser, *, by: str, actor: UUID | None
    ) -> StaffView:
        """Suspend a user: their sessions end at once, and they open no new ones.

        Raises UserNotFound, OwnAccount, SessionEnded.
        """
        id_ = _parsed(user_id)
        if id_ == actor:
            raise OwnAccount
        member = self._lock(id_, actor)[id_]
        if member.suspend(command.reason, clock.now()):
            after = {"suspended": True, "reason": command.reason}
            self._staff.save(member, Change(by, "suspend user", id_, {"suspended": False}, after))
            self._sessions.end_all(id_)
        return _view(member)

    def lift_suspension(self, user_id: str, *, by: str, actor: UUID | None) -> None:
        """Let a suspended user sign in again. Raises UserNotFound, SessionEnded."""
        id_ = _parsed(user_id)
        member = self._lock(id_, actor)[id_]
        before = {"suspended": True, "reason": member.suspension_reason}
        if member.lift_suspension():
            change = Change(by, "lift suspension", id_, before, {"suspended": False})
            self._staff.save(member, change)

    def end_sessions(self, user_id: str, *, by: str, actor: UUID | None) -> None:
        """End all of a user's sessions. Raises UserNotFound, SessionEnded."""
        id_ = _parsed(user_id)
        self._lock(id_, actor)
        self._sessions.end_all(id_)
        self._staff.record(Change(by, "end sessions", id_, {}, {}))

    def _id_of(self, login_id: str) -> UUID:
        found = self._staff.id_of(login_id)
        if found is None:
            raise UserNotFound
        return found

    def _lock(self, user_id: UUID, actor: UUID | None) -> dict[UUID, Member]:
        """Lock a user and all admins, of whom the actor must still be one."""
        found = self._staff.lock(user_id)
        if user_id not in found:
            raise UserNotFound
        if actor is not None and not (actor in found and found[actor].is_acting_admin):
            raise SessionEnded
        return found

    def _change(
        self,
        user_id: UUID,
        changed: Callable[[frozenset[str]], frozenset[str]],
        by: str,
        actor: UUID | None,
    ) -> StaffView:
        found = self._lock(user_id, actor)
        member, before = found[user_id], found[user_id].scopes
        scopes = changed(before)
        if not member.set_scopes(scopes):
            return _view(member)
        if actor == user_id and not any(each.is_acting_admin for each in found.values()):
            raise LastAdmin
        facts = {"scopes": sorted(before)}, {"scopes": sorted(scopes)}
        self._staff.save(member, Change(by, "change scopes", user_id, *facts))
        if before - scopes:
            self._sessions.end_all(user_id)
        else:
            self._sessions.renew_tokens(user_id, member.epoch)
        return _view(member)


def _parsed(user_id: str) -> UUID:
    found = cursor.parse_id(user_id)
    if found is None:
        raise UserNotFound
    return found


def _scopes(held: Iterable[str]) -> list[Scope]:
    return [each for each in Scope if each in held]


def _view(member: Member) -> StaffView:
    return StaffView(
        user_id=str(member.id),
        login_id=member.login_id,
        scopes=_scopes(member.scopes),
        suspended_at=member.suspended_at,
    )


def _ended(member: Member, revoked: Iterable[str], sessions: int) -> EndedView:
    return EndedView(
        user_id=str(member.id),
        login_id=member.login_id,
        revoked=_scopes(revoked),
        sessions_ended=sessions,
    )


def _listed(row: Row) -> ListedStaffView:
    return ListedStaffView(
        user_id=str(row.id),
        login_id=row.login_id,
        scopes=_scopes(row.scopes),
        suspended_at=row.suspended_at,
        last_signed_in_at=row.last_signed_in_at,
    )


def _user_view(row: Row) -> StaffUserView:
    facts: dict[str, Any] = row._asdict()
    id_ = facts.pop("id")
    return StaffUserView(**facts | {"user_id": str(id_), "scopes": _scopes(row.scopes)})
