"""Sessions in PostgreSQL."""

from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from commerce.runtime.db.pipeline import Row
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.user.sessions.model import Session

if TYPE_CHECKING:
    from commerce.user.sessions import statements as sql
else:
    sql = precompiled("commerce.user.sessions.statements")

NONE = UUID(int=0)  # no session's id


class SessionRepository(Protocol):
    """Stores sessions. Lock the user first: whoever ends all sessions does."""

    def add(self, session: Session) -> None:
        """Store a new session."""

    def lock(self, id_: UUID, user_id: UUID) -> Session | None:
        """Return the user's session with this id, expired or not, locked FOR UPDATE."""

    def save(self, session: Session) -> None:
        """Store a locked session after a refresh."""

    def of_user(self, user_id: UUID) -> list[Session]:
        """Return the user's open sessions, the last used first."""

    def end(self, id_: UUID, user_id: UUID) -> None:
        """End one session of the user's, if it is open."""

    def end_all(self, user_id: UUID, *, but: UUID | None = None) -> None:
        """End the user's sessions, but for the one to keep."""

    def end_oldest(self, user_id: UUID, *, kept: int) -> None:
        """End the user's sessions that are stored already, but for so many, the last used ones."""

    def renew_tokens(self, user_id: UUID, epoch: int) -> None:
        """Let the user's sessions live on with tokens of this epoch only."""


class SqlSessionRepository:
    """A SessionRepository on a unit of work."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, session: Session) -> None:
        self._uow.write(
            sql.ADD(
                id=session.id,
                user_id=session.user_id,
                epoch=session.epoch,
                generation=session.generation,
                user_agent=session.user_agent,
                created_at=session.created_at,
                used_at=session.used_at,
                expires_at=session.expires_at,
            )
        )

    def lock(self, id_: UUID, user_id: UUID) -> Session | None:
        for row in self._uow.lock(sql.LOCK(session_id=id_, user_id=user_id)):
            return _session(row)
        return None

    def save(self, session: Session) -> None:
        self._uow.write(
            sql.SAVE(
                session_id=session.id,
                new_epoch=session.epoch,
                new_generation=session.generation,
                new_used_at=session.used_at,
                new_expires_at=session.expires_at,
            )
        )

    def of_user(self, user_id: UUID) -> list[Session]:
        return [_session(row) for row in self._uow.read(sql.NEWEST(user_id=user_id))]

    def end(self, id_: UUID, user_id: UUID) -> None:
        self._uow.write(sql.END(session_id=id_, user_id=user_id))

    def end_all(self, user_id: UUID, *, but: UUID | None = None) -> None:
        self._uow.write(sql.END_ALL(user_id=user_id, kept_id=but or NONE))

    def end_oldest(self, user_id: UUID, *, kept: int) -> None:
        self._uow.write(sql.END_OLDEST(user_id=user_id, kept=kept))

    def renew_tokens(self, user_id: UUID, epoch: int) -> None:
        self._uow.write(sql.RENEW_TOKENS(user_id=user_id, new_epoch=epoch))


def _session(row: Row) -> Session:
    return Session(**row._asdict())
