"""Reads of the audit, as SQLAlchemy Core; each uses an index."""

from typing import Any

from sqlalchemy import ARRAY, BigInteger, Select, Text, Uuid, any_, bindparam, func, or_, select

from commerce.runtime.db.statement import Statement
from commerce.runtime.db.tables import admin_audit_table, ops_audit_table, staff_act_table

_a, _c, _m = staff_act_table.c, admin_audit_table.c, ops_audit_table.c
_REQUESTS: Any = bindparam("requests", type_=ARRAY(Text))


def _acts() -> Select[Any]:
    by, action = bindparam("by", type_=Text), bindparam("action", type_=Text)
    return (
        select(*_a)
        .where(
            or_(by.is_(None), _a.by == by),
            or_(action.is_(None), _a.action == action),
            _a.id >= bindparam("first", type_=Uuid),
            _a.id < bindparam("before", type_=Uuid),
        )
        .order_by(_a.id.desc())
        .limit(bindparam("limit", type_=BigInteger))
    )


ACTS = Statement(_acts)
CHANGES = Statement(
    select(_c.trace_id, _c.action, _c.subject_id, _c.before, _c.after)
    .where(_c.trace_id == any_(_REQUESTS), _c.trace_id != "")
    .order_by(_c.id)
)
MESSAGES = Statement(
    select(_m.trace_id, func.count().label("count"))
    .where(_m.trace_id == any_(_REQUESTS), _m.trace_id != "")
    .group_by(_m.trace_id)
)
