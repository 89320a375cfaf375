"""The statements that find a thing by an id: each by the key of its table, or another index."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    case,
    cast,
    func,
    null,
    select,
    union_all,
)

from commerce.app.operations.statements import events_near
from commerce.brand.tables import brand_table
from commerce.coupon.tables import coupon_table, issued_coupon_table
from commerce.drop.tables import drop_entry_table, drop_table
from commerce.order.tables import order_refund_table, order_return_table, order_table
from commerce.payment.tables import payment_refund_table, payment_table
from commerce.point.tables import point_charge_table
from commerce.product.tables import product_table
from commerce.runtime.db.statement import Statement
from commerce.runtime.db.tables import (
    admin_audit_table,
    failing_message_table,
    ops_audit_table,
    outbox_table,
)
from commerce.user.erasure.tables import erased_user_table
from commerce.user.tables import user_table

_ID = bindparam("id", type_=Uuid)
_NO_ID, _NO_TEXT = cast(null(), Uuid), cast(null(), Text)


def _found(
    key: ColumnElement[Any],
    at: Any,
    state: Any = _NO_TEXT,
    order_id: Any = _NO_ID,
    user_id: Any = _NO_ID,
    about: Any = _NO_ID,
) -> Select[Any]:
    columns = {"id": key, "state": state, "at": at, "order_id": order_id, "user_id": user_id}
    return select(*(each.label(name) for name, each in (columns | {"about": about}).items()))


_o, _p, _pr = order_table.c, payment_table.c, payment_refund_table.c
_r, _rf, _ch = order_return_table.c, order_refund_table.c, point_charge_table.c
_u, _x, _d, _e = user_table.c, erased_user_table.c, drop_table.c, drop_entry_table.c
_c, _i, _b, _pd = coupon_table.c, issued_coupon_table.c, brand_table.c, product_table.c

_payment = _found(_p.id, _p.requested_at, _p.status, _p.order_id, _p.buyer_id)
_of_charge = (
    select(_p.id)
    .where(_p.charge_id == _ch.id, _p.charge_id.is_not(None))
    .order_by(_p.requested_at.desc())
    .limit(1)
    .scalar_subquery()
)
_suspended = case((_u.suspended_at.is_not(None), "SUSPENDED"), else_="ACTIVE")
BY_ID = {
    "ORDER": Statement(
        _found(_o.id, _o.placed_at, _o.status, _o.id, _o.buyer_id).where(_o.id == _ID)
    ),
    "PAYMENT": Statement(_payment.where(_p.id == _ID)),
    "CHARGE": Statement(
        _found(_ch.id, _ch.requested_at, _ch.status, user_id=_ch.user_id, about=_of_charge)
        .where(_ch.id == _ID)
    ),
    "RETURN": Statement(
        _found(_r.id, _r.requested_at, _r.status, _r.order_id, _r.buyer_id).where(_r.id == _ID)
    ),
    "REFUND": Statement(
        union_all(
            _found(_rf.id, _rf.at, _rf.kind, _rf.order_id).where(_rf.id == _ID),
            _found(_pr.id, _pr.requested_at, _pr.reason, _p.order_id, about=_p.id)
            .join_from(payment_refund_table, payment_table, _p.id == _pr.payment_id)
            .where(_pr.id == _ID),
        )
    ),
    "USER": Statement(
        union_all(
            _found(_u.id, _u.created_at, _suspended, user_id=_u.id).where(_u.id == _ID),
            _found(_x.id, _x.erased_at, cast("ERASED", Text), user_id=_x.id).where(_x.id == _ID),
        )
    ),
    "PRODUCT": Statement(_found(_pd.id, _pd.created_at, _pd.name).where(_pd.id == _ID)),
    "BRAND": Statement(_found(_b.id, _b.created_at, _b.name).where(_b.id == _ID)),
    "COUPON": Statement(_found(_c.id, _c.created_at, _c.name).where(_c.id == _ID)),
    "ISSUED_COUPON": Statement(
        _found(_i.id, _i.issued_at, order_id=_i.used_by_order).where(_i.id == _ID)
    ),
    "DROP": Statement(_found(_d.id, _d.entries_at, _d.state, about=_d.id).where(_d.id == _ID)),
    "DROP_ENTRY": Statement(
        _found(_e.id, _e.joined_at, _e.status, _e.order_id, about=_e.drop_id).where(_e.id == _ID)
    ),
}  # fmt: skip
"""By kind of thing."""

PAYMENT_BY_KEY = Statement(
    _payment.where(_p.transaction_key == any_(bindparam("keys", type_=ARRAY(Text))))
)
USER_BY_LOGIN = Statement(
    _found(_u.id, _u.created_at, _suspended, user_id=_u.id)
    .where(func.lower(_u.login_id) == func.lower(bindparam("login_id", type_=Text)))
)  # fmt: skip

_MESSAGE: Any = bindparam("message_id", type_=Text)
_f, _a, _ch_, _ev = (
    failing_message_table.c, ops_audit_table.c, admin_audit_table.c, outbox_table.c,
)  # fmt: skip
FAILING = Statement(select(_f.queue, _f.cause, _f.since).where(_f.message_id == _MESSAGE))
# The audit has no index by message, which each act would pay for: only the newest are read.
_newest = (
    select(_a.id, _a.at, _a.queue, _a.message_id, _a.reason)
    .where(_a.action == bindparam("action", type_=Text))
    .order_by(_a.id.desc())
    .limit(bindparam("limit", type_=BigInteger))
    .subquery()
)
DISCARDED = Statement(
    select(_newest.c.at, _newest.c.queue, _newest.c.reason)
    .where(_newest.c.message_id == _MESSAGE)
    .order_by(_newest.c.id.desc())
    .limit(1)
)

_TRACE: Any = bindparam("trace_id", type_=Text)
# Reasons of changes may be about a user: the audit shows them, to admins.
ACTS_OF_TRACE = Statement(
    union_all(
        select(_ch_.at, _ch_.by, _ch_.action, _NO_TEXT.label("reason")).where(
            _ch_.trace_id == _TRACE
        ),
        select(_a.at, _a.by, _a.action, _a.reason).where(_a.trace_id == _TRACE),
    ).limit(bindparam("limit", type_=BigInteger))
)  # fmt: skip
EVENTS_OF_TRACE = Statement(events_near(lambda near: near.trace_id == _TRACE))
