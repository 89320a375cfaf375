"""The SQL statements of the notification context."""

from sqlalchemy import DateTime, Uuid, bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from commerce.notification.tables import mail_table
from commerce.runtime.db.core import delete_older
from commerce.runtime.db.statement import Statement

_m = mail_table.c
_EVENT = bindparam("id_of_event", type_=Uuid)
_AT = bindparam("at", type_=DateTime(timezone=True))

OPEN = Statement(
    insert(mail_table)
    .values(event_id=_EVENT, begun_at=_AT)
    .on_conflict_do_nothing()
    .returning(_m.event_id)
)
LOCK = Statement(select(_m.begun_at, _m.sent_at).where(_m.event_id == _EVENT).with_for_update())
BEGIN = Statement(update(mail_table).where(_m.event_id == _EVENT).values(begun_at=_AT))
MARK_SENT = Statement(update(mail_table).where(_m.event_id == _EVENT).values(sent_at=_AT))
RELEASE = Statement(delete(mail_table).where(_m.event_id == _EVENT, _m.sent_at.is_(None)))
DELETE_EXPIRED = delete_older(mail_table, mail_table.c.begun_at)
