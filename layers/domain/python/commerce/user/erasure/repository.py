"""The accounts to be read out and forgotten, in PostgreSQL."""

from typing import TYPE_CHECKING
from uuid import UUID

from commerce.runtime import audit, idempotency
from commerce.runtime.db.pipeline import Row
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared import clock
from commerce.user.addresses import normalized
from commerce.user.events import UserErased
from commerce.user.model import User
from commerce.user.throttle import counter_of_user

if TYPE_CHECKING:
    from commerce.user.erasure import statements as sql
    from commerce.user.recipients import statements as recipients_sql
else:
    sql = precompiled("commerce.user.erasure.statements")
    recipients_sql = precompiled("commerce.user.recipients.statements")


class ErasureRepository:
    """The store of accounts, as it is read out and forgotten."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def account(self, user_id: UUID) -> Row | None:
        """Return a user's account."""
        return next(iter(self._uow.read(sql.ACCOUNT(erased=user_id))), None)

    def hold(self, user_id: UUID) -> None:
        """Keep anything new from being stored for a user, until the transaction ends."""
        self._uow.lock(sql.HOLD(person=str(user_id)))

    def forget(self, user: User) -> None:
        """Delete a locked user's account with all that hangs on it, and record the event."""
        id_ = user.id
        for query in (
            sql.ADDRESS(erased=id_),
            recipients_sql.ERASE(user_id=id_, address=normalized(user.email)),
            sql.MAIL_TOKENS(erased=id_),
            sql.SESSIONS(erased=id_),
            sql.COUNTER(throttle_key=counter_of_user(id_).key),
            sql.OLD_COUNTER(login_id=user.login_id),
            sql.API_KEYS(erased=id_),
            sql.REMEMBER(id=id_, erased_at=clock.now()),
            sql.ACCOUNT_ROW(erased=id_),
        ):
            self._uow.write(query)
        idempotency.forget(self._uow, id_)
        audit.forget(self._uow, id_, user.login_id)
        version = user.version + 1
        self._uow.record(UserErased(aggregate_id=id_, aggregate_version=version, user_id=id_))
