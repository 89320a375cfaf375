"""Reads of the overview and the sales over the tables of several contexts, as SQLAlchemy Core.

The console repeats the overview every 15 seconds, so each of its statements uses an index.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    DateTime,
    Select,
    Text,
    TextClause,
    Uuid,
    any_,
    bindparam,
    case,
    cast,
    column,
    exists,
    func,
    literal_column,
    or_,
    select,
    text,
    update,
)

from commerce.order.tables import order_history_table, order_line_table, order_table
from commerce.payment.tables import UNFINISHED, payment_table
from commerce.runtime.db.statement import Statement
from commerce.runtime.db.tables import admin_audit_table, ops_audit_table, outbox_table
from commerce.shipping.tables import shipment_notice_table

_o, _l, _h, _p = order_table.c, order_line_table.c, order_history_table.c, payment_table.c
_notice = shipment_notice_table.c
_SINCE_ID = bindparam("since_id", type_=Uuid)  # ids are UUIDv7: a period is a range of them
_BEFORE_ID = bindparam("before_id", type_=Uuid)
_BEFORE = bindparam("before", type_=DateTime(timezone=True))
_LIMIT = bindparam("limit", type_=BigInteger)


def _is(status: str) -> ColumnElement[bool]:
    return _o.status == _literal(status)


def _literal(word: str) -> TextClause:
    return text(f"'{word}'")  # partial indexes need it in the text


def _count(status: str) -> Any:
    some = select(_o.id).where(_is(status)).limit(_LIMIT).subquery()
    return select(func.count()).select_from(some).scalar_subquery().label(status.lower())


def _stuck(since: Any, *conditions: ColumnElement[bool], order_by: Any = _o.id) -> Select[Any]:
    columns = (_o.id.label("order_id"), _o.status, since.label("since"))
    return select(*columns).where(*conditions).order_by(order_by).limit(_LIMIT)


def _not_notified(status: str, *conditions: ColumnElement[bool]) -> Select[Any]:
    changed = (
        select(func.max(_h.at).label("at"))
        .where(_h.order_id == _o.id, _h.status == _literal(status))
        .lateral("changed")
    )
    return _stuck(
        changed.c.at, _is(status), _o.id >= _SINCE_ID, changed.c.at < _BEFORE, *conditions
    ).select_from(order_table.join(changed, text("true")))


def _has_notice(kind: str) -> ColumnElement[bool]:
    return exists().where(_notice.order_id == _o.id, _notice.kind == _literal(kind))


PLACED = Statement(
    select(_o.status, func.count().label("placed")).where(_o.id >= _SINCE_ID).group_by(_o.status)
)
OPEN = Statement(select(_count("PENDING"), _count("CONFIRMED"), _count("SHIPPED")))
NOT_EXPIRED = Statement(
    _stuck(_o.expires_at, _is("PENDING"), _o.expires_at < _BEFORE, order_by=_o.expires_at)
)
NOT_NOTIFIED = Statement(_not_notified("CONFIRMED", ~_has_notice("ORDER")))
NOT_WITHDRAWN = Statement(
    _not_notified("CANCELLED", _has_notice("ORDER"), ~_has_notice("WITHDRAWAL"))
)
NOT_SHIPPED = Statement(_stuck(_o.placed_at, _is("CONFIRMED"), _o.id < _BEFORE_ID))
NOT_DELIVERED = Statement(_stuck(_o.placed_at, _is("SHIPPED"), _o.id < _BEFORE_ID))
UNFINISHED_PAYMENTS = Statement(
    select(
        _p.id.label("payment_id"), _p.order_id, _p.charge_id, _p.status, _p.amount, _p.currency,
        _p.transaction_key, _p.changed_at, _p.asked_at,
    )
    .where(text(f"({UNFINISHED})"))
    .order_by(_p.asked_at, _p.id)
    .limit(_LIMIT)
)  # fmt: skip

_is_paid = or_(*map(_is, ("CONFIRMED", "SHIPPED", "DELIVERED")))
_refunded = _o.card_refunded_amount + _o.points_refunded_amount
_net = func.sum(_o.total_amount - _o.discount_amount - _refunded).filter(_is_paid)
SALES_BY_HOUR = Statement(
    select(
        func.date_trunc(_literal("hour"), _o.placed_at, _literal("UTC")).label("hour"),
        func.count().filter(_is_paid).label("orders"),
        func.count().filter(_is("CANCELLED")).label("cancelled"),
        cast(func.coalesce(_net, text("0")), BigInteger).label("amount"),
    )
    .where(_o.id >= _SINCE_ID)
    .group_by("hour")
)
_kept = _l.quantity - _l.cancelled_quantity - _l.returned_quantity
_units = cast(func.sum(_kept), BigInteger).label("units")
BEST_SELLERS = Statement(
    select(_l.product_id, _units)
    .join_from(order_line_table, order_table, _o.id == _l.order_id)
    .where(_l.order_id >= _SINCE_ID, _o.id >= _SINCE_ID, _is_paid)
    .group_by(_l.product_id)
    .having(func.sum(_kept) > 0)
    .order_by(_units.desc(), _l.product_id)
    .limit(_LIMIT)
)

_d = ops_audit_table.c
_ACTION = bindparam("action", type_=Text)
_MESSAGES: Any = bindparam("message_ids", type_=ARRAY(Text))
_discard = (_d.id, _d.at, _d.by, _d.queue, _d.message_id, _d.body, _d.reason)
DISCARDED = Statement(
    select(*_discard)
    .where(
        _d.action == _ACTION,
        _d.queue == bindparam("queue", type_=Text),
        _d.at >= bindparam("since", type_=DateTime(timezone=True)),
    )
    .order_by(_d.id.desc())
)
_discarded_messages = (
    select(*_discard)
    .where(
        _d.action == _ACTION,
        _d.queue == bindparam("queue", type_=Text),
        _d.message_id == any_(_MESSAGES),
    )
    .order_by(_d.id.desc())
)
DISCARDED_MESSAGES = Statement(_discarded_messages)
LOCK_DISCARDED = Statement(_discarded_messages.with_for_update())
NEWEST_DISCARDS = Statement(
    select(*_discard)
    .where(_d.action == _ACTION, _d.id < _BEFORE_ID)
    .order_by(_d.id.desc())
    .limit(_LIMIT)
)
ACTS_ON_MESSAGES = Statement(
    select(_d.id, _d.at, _d.by, _d.message_id)
    .where(_d.action == _ACTION, _d.message_id == any_(_MESSAGES))
    .order_by(_d.id)
)
# A message that is redriven again has another id, and the same body.
_different = func.count(func.md5(_d.body).distinct())
REDRIVEN = Statement(
    select(_d.queue, _different.label("messages"), func.max(_d.at).label("last_at"))
    .where(_d.action == _ACTION, _d.id >= _SINCE_ID)
    .group_by(_d.queue)
)

_e, _c = outbox_table.c, admin_audit_table.c
_the_redrive = (_c.subject_id == bindparam("redrive_id", type_=Uuid), _c.action == _ACTION)
_state = _c.after["state"].astext


def _more(name: str) -> Any:
    return cast(_c.after[name].astext, BigInteger) + bindparam(f"part_{name}", type_=BigInteger)


REDRIVE = Statement(
    select(_c.subject_id, _c.by, _c.before, _c.after, _c.trace_id).where(*_the_redrive)
)
ADVANCE_REDRIVE = Statement(
    update(admin_audit_table)
    .where(*_the_redrive)
    .values(
        after=_c.after.op("||")(
            func.jsonb_build_object(
                _literal("sent"), _more("sent"),
                _literal("failed"), _more("failed"),
                _literal("state"), case(
                    (_state == _literal("UNDER_WAY"), bindparam("part_state", type_=Text)),
                    else_=_state,
                ),
            )
        )
    )
)  # fmt: skip
HANDLED = Statement(
    select(_d.message_id).where(
        _d.trace_id == bindparam("request", type_=Text), _d.message_id == any_(_MESSAGES)
    )
)
_SUBJECTS: Any = bindparam("subjects", type_=ARRAY(Uuid))
_bounds = (
    func.unnest(bindparam("first_ids", type_=ARRAY(Uuid)), bindparam("end_ids", type_=ARRAY(Uuid)))
    .table_valued(column("first", Uuid), column("end", Uuid))
    .render_derived("bounds")
)
_near = (
    select(_e.id, _e.type, _e.occurred_at, _e.aggregate_id, _e.trace_id, _e.published_at)
    .where(_e.id >= _bounds.c.first, _e.id < _bounds.c.end)
    .order_by(_e.id)
    .limit(literal_column("20000"))
    .lateral("near")
)


def events_near(is_meant: Callable[[Any], ColumnElement[bool]]) -> Select[Any]:
    """Read the events that are meant among those whose ids are within bounds.

    An outbox has no index by aggregate or trace, which each order would pay for, and ids near a
    moment are few. Their order and limit have each span read by its index, whatever is estimated.
    """
    near = _near.c
    return (
        select(near.id, near.type, near.occurred_at, near.trace_id, near.published_at)
        .distinct()
        .select_from(_bounds.join(_near, text("true")))
        .where(is_meant(near))
        .order_by(near.id)
    )


EVENTS_ABOUT = Statement(events_near(lambda near: near.aggregate_id == any_(_SUBJECTS)))
CHANGES_OF = Statement(
    select(_c.at, _c.by, _c.action, _c.after, _c.trace_id)
    .where(_c.subject_id == any_(_SUBJECTS))
    .order_by(_c.id)
)
