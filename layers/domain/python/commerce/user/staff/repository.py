"""Staff, and users as staff see them, in PostgreSQL."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from commerce.runtime import audit
from commerce.runtime.audit import Change
from commerce.runtime.db.pipeline import Row
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.user.addresses import normalized
from commerce.user.staff.errors import BootstrapUsed
from commerce.user.staff.model import Member

if TYPE_CHECKING:
    from commerce.user.staff import statements as sql
else:
    sql = precompiled("commerce.user.staff.statements")


class StaffRepository:
    """The store of who has which scopes, and who is suspended."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def page(self, before: UUID, limit: int) -> list[Row]:
        """Return users with scopes and a smaller id, the newest first."""
        return self._uow.read(sql.LIST(before=before, limit=limit))

    def lock(self, user_id: UUID) -> dict[UUID, Member]:
        """Return a user, if there is one, and all admins by id, locked FOR UPDATE."""
        return {row.id: _member(row) for row in self._uow.lock(sql.LOCK(user_id=user_id))}

    def id_of(self, login_id: str) -> UUID | None:
        """Return the id of the user with this login id, whatever its case."""
        for row in self._uow.read(sql.ID_OF_LOGIN(login_id=login_id)):
            found: UUID = row.id
            return found
        return None

    def save(self, member: Member, change: Change) -> None:
        """Store a locked member, and the change in the audit."""
        self._uow.write(
            sql.SAVE(
                user_id=member.id,
                new_scopes=sorted(member.scopes),
                new_epoch=member.epoch,
                new_suspended_at=member.suspended_at,
                new_suspension_reason=member.suspension_reason,
            )
        )
        self.record(change)

    def use_bootstrap(self, at: datetime) -> None:
        """Use the token of a fresh deployment up. Raises BootstrapUsed, on commit at the latest."""
        once = {"bootstrap_once": BootstrapUsed}
        self._uow.write(sql.USE_BOOTSTRAP(is_used=True, used_at=at), once)

    def record(self, change: Change) -> None:
        """Record a change by staff in the audit."""
        audit.record(self._uow, change)

    def find(self, user_id: UUID) -> Row | None:
        """Return a user as staff see them."""
        return next(iter(self._uow.read(sql.ONE(user_id=user_id))), None)

    def with_login_id(self, login_id: str) -> list[Row]:
        """Return the user with this login id, whatever its case."""
        return self._uow.read(sql.WITH_LOGIN_ID(login_id=login_id))

    def with_email(self, email: str) -> list[Row]:
        """Return the user whose address this is."""
        return self._uow.read(sql.WITH_EMAIL(address=normalized(email)))


def _member(row: Row) -> Member:
    return Member(**row._asdict() | {"scopes": frozenset(row.scopes)})
