"""Sessions in memory: what a write changes, the next read sees."""

from copy import copy
from uuid import UUID

from commerce.shared import clock
from commerce.user.sessions.model import Session


class MemorySessionRepository:
    """The promises of commerce.user.sessions.repository.SessionRepository, without a database."""

    def __init__(self) -> None:
        self._sessions: dict[UUID, Session] = {}

    def add(self, session: Session) -> None:
        self._sessions[session.id] = copy(session)

    def lock(self, id_: UUID, user_id: UUID) -> Session | None:
        found = self._sessions.get(id_)
        return copy(found) if found and found.user_id == user_id else None

    def save(self, session: Session) -> None:
        self._sessions[session.id] = copy(session)

    def of_user(self, user_id: UUID) -> list[Session]:
        open_ = [each for each in self._all(user_id) if each.expires_at > clock.now()]
        return [copy(each) for each in open_]

    def end(self, id_: UUID, user_id: UUID) -> None:
        if self.lock(id_, user_id):
            del self._sessions[id_]

    def end_all(self, user_id: UUID, *, but: UUID | None = None) -> None:
        for each in self._all(user_id):
            if each.id != but:
                del self._sessions[each.id]

    def end_oldest(self, user_id: UUID, *, kept: int) -> None:
        for each in self._all(user_id)[kept:]:
            del self._sessions[each.id]

    def renew_tokens(self, user_id: UUID, epoch: int) -> None:
        for each in self._all(user_id):
            each.epoch = epoch

    def _all(self, user_id: UUID) -> list[Session]:
        found = [each for each in self._sessions.values() if each.user_id == user_id]
        return sorted(found, key=lambda each: (each.used_at, each.id), reverse=True)
