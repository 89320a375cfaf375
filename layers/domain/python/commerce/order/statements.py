"""The SQL statements of the order context."""

from collections.abc import Callable
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    DateTime,
    Integer,
    Text,
    Uuid,
    all_,
    any_,
    bindparam,
    column,
    exists,
    func,
    literal_column,
    null,
    or_,
    select,
    text,
    tuple_,
    update,
)

from commerce.order.tables import (
    order_history_table,
    order_line_table,
    order_refund_table,
    order_return_line_table,
    order_return_table,
    order_table,
)
from commerce.runtime.db.core import insert_many, insert_row, records, save_as_read
from commerce.runtime.db.statement import Statement

_o, _l, _h = order_table.c, order_line_table.c, order_history_table.c
ADD = insert_row(order_table)
ADD_LINES = insert_many(order_line_table, *(each.name for each in order_line_table.columns))
ADD_REFUND = insert_row(order_refund_table)
ADD_HISTORY = insert_many(order_history_table, *(each.name for each in order_history_table.columns))
_IDS = bindparam("ids", type_=ARRAY(Uuid))
ONE = Statement(select(order_table).where(_o.id == bindparam("id", type_=Uuid)))
LOCK = Statement(select(order_table).where(_o.id == bindparam("id", type_=Uuid)).with_for_update())
_r, _t, _tl = order_refund_table.c, order_return_table.c, order_return_line_table.c
_NEWEST = (
    select(order_table)
    .where(
        _o.buyer_id == bindparam("buyer_id", type_=Uuid), _o.id < bindparam("before", type_=Uuid)
    )
    .order_by(_o.id.desc())
    .limit(bindparam("limit", type_=BigInteger))
)


def _parts(is_wanted: Callable[[ColumnElement[UUID]], ColumnElement[bool]]) -> list[Statement]:
    """Make the reads of all parts of orders: lines, history, refunds, returns and their lines."""
    return [
        Statement(query)
        for query in (
            select(order_line_table)
            .where(is_wanted(_l.order_id))
            .order_by(_l.order_id, _l.position),
            select(order_history_table)
            .where(is_wanted(_h.order_id))
            .order_by(_h.order_id, _h.position),
            select(order_refund_table).where(is_wanted(_r.order_id)).order_by(_r.order_id, _r.id),
            select(order_return_table).where(is_wanted(_t.order_id)).order_by(_t.order_id, _t.id),
            select(_t.order_id, order_return_line_table)
            .join_from(order_return_table, order_return_line_table, _tl.return_id == _t.id)
            .where(is_wanted(_t.order_id))
            .order_by(_tl.return_id, _tl.position),
        )
    ]


def _is_named(order_id: ColumnElement[UUID]) -> ColumnElement[bool]:
    return order_id == any_(_IDS)


def _is_on_page(order_id: ColumnElement[UUID]) -> ColumnElement[bool]:
    return order_id.in_(_NEWEST.with_only_columns(_o.id))


LINES, HISTORY, REFUNDS, RETURNS, RETURN_LINES = _parts(_is_named)
NEWEST = Statement(_NEWEST)
LINES_OF_NEWEST, HISTORY_OF_NEWEST, REFUNDS_OF_NEWEST, RETURNS_OF_NEWEST, RETURN_LINES_OF_NEWEST = (
    _parts(_is_on_page)
)
ORDER_OF_RETURN = Statement(select(_t.order_id).where(_t.id == bindparam("id", type_=Uuid)))
OPEN = Statement(
    select(_o.id)
    .where(
        _o.buyer_id == bindparam("buyer_id", type_=Uuid),
        or_(
            text("orders.status IN ('PENDING', 'CONFIRMED', 'SHIPPED')"),
            exists().where(_t.order_id == _o.id, _t.status == text("'REQUESTED'")),
        ),
    )
    .order_by(_o.id)
)
FORGET_REASONS = Statement(
    update(order_history_table)
    .where(
        _h.order_id.in_(select(_o.id).where(_o.buyer_id == bindparam("buyer_id", type_=Uuid))),
        or_(_h.status == text("'CANCELLED'"), _h.status == text("'CONFIRMED'")),
        _h.by == bindparam("words_of", type_=Text),
        _h.reason != all_(bindparam("not_words", type_=ARRAY(Text))),
    )
    .values(reason=bindparam("new_reason", type_=Text))
)
FORGET_RETURN_REASONS = Statement(
    update(order_return_line_table)
    .where(_tl.return_id.in_(select(_t.id).where(_t.buyer_id == bindparam("buyer_id", type_=Uuid))))
    .values(reason=bindparam("new_reason", type_=Text))
)
FORGET_ADDRESSES = Statement(
    update(order_table)
    .where(_o.buyer_id == bindparam("buyer_id", type_=Uuid), _o.ship_to.is_not(None))
    .values(ship_to=null())
)
LOCK_NEXT_EXPIRED = Statement(
    select(order_table)
    .where(
        _o.status == text("'PENDING'"),  # word for word as in the partial index
        _o.expires_at <= bindparam("now", type_=DateTime(timezone=True)),
        tuple_(_o.expires_at, _o.id)
        > tuple_(
            bindparam("after_time", type_=DateTime(timezone=True)),
            bindparam("after_id", type_=Uuid),
        ),
    )
    .order_by(_o.expires_at, _o.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
SAVE = save_as_read(
    order_table,
    "order_as_read",
    *("status", "carrier", "tracking_number", "card_refunded_amount", "points_refunded_amount"),
    *("delivery_version", "delivery_changed_at"),
)
SAVE_ADDRESS = save_as_read(
    order_table, "order_as_read", "ship_to", "delivery_version", "delivery_changed_at"
)
_units = records("units", _l.product_id, _l.cancelled_quantity, _l.returned_quantity)
SAVE_UNITS = Statement(  # under the order's lock
    update(order_line_table)
    .where(_l.order_id == bindparam("order_id", type_=Uuid), _l.product_id == _units.c.product_id)
    .values(
        cancelled_quantity=_units.c.cancelled_quantity,
        returned_quantity=_units.c.returned_quantity,
    )
)
ADD_RETURN = insert_row(order_return_table)
ADD_RETURN_LINES = insert_many(
    order_return_line_table, *(each.name for each in order_return_line_table.columns)
)
SAVE_RETURN = Statement(  # as are these, of which a return ends by one alone
    update(order_return_table)
    .where(_t.id == bindparam("return_id", type_=Uuid))
    .values(
        {
            name: bindparam(f"new_{name}", type_=order_return_table.c[name].type)
            for name in ("status", "ended_at", "rejection_reason", "refund_id")
        }
    )
)
_came = records("units", _tl.product_id, _tl.received_quantity, _tl.restocked_quantity)
SAVE_RETURN_LINES = Statement(
    update(order_return_line_table)
    .where(
        _tl.return_id == bindparam("return_id", type_=Uuid), _tl.product_id == _came.c.product_id
    )
    .values(
        received_quantity=_came.c.received_quantity,
        restocked_quantity=_came.c.restocked_quantity,
    )
)

# --- limits of a buyer ---------------------------------------------------------------------------

# What a buyer has is counted from their orders, under a lock of the transaction's that all their
# placings with a limit take first. The statements after it see what the one before has committed.
LOCK_BUYER = Statement(
    select(
        func.pg_advisory_xact_lock(
            literal_column(str(int.from_bytes(b"buy"))),
            func.hashtext(bindparam("buyer", type_=Text)),
        )
    )
)
_OF_BUYER = _o.buyer_id == bindparam("buyer_id", type_=Uuid)
_UNITS = func.coalesce(func.sum(_l.quantity - _l.cancelled_quantity - _l.returned_quantity), 0)
_TAKEN = (
    select(_UNITS)
    .join_from(order_table, order_line_table, _l.order_id == _o.id)
    .where(_OF_BUYER, _o.status != text("'CANCELLED'"))
)
UNITS_OF_BUYER = Statement(
    _TAKEN.add_columns(_l.product_id)
    .with_only_columns(_l.product_id, _UNITS.label("units"))
    .where(_l.product_id == any_(_IDS))
    .group_by(_l.product_id)
)
_wanted = records(
    "wanted", _l.product_id, column("requested", BigInteger), column("limit", BigInteger)
)
_ALREADY = _TAKEN.where(_l.product_id == _wanted.c.product_id).correlate(_wanted).scalar_subquery()
WITHIN_PURCHASE_LIMITS = Statement(
    select(func.require(func.count() == 0, "purchase_limit"))
    .select_from(_wanted)
    .where(_wanted.c.requested + _ALREADY > _wanted.c.limit)
)

_unpaid = select(func.count()).where(_OF_BUYER, _o.status == text("'PENDING'")).scalar_subquery()
COUNT_UNPAID = Statement(select(_unpaid.label("count")))

# An order lapses when it ends unpaid, unless staff ended it. `others` is one less than the
# lapses that begin a cool-down, and `recent_id` bounds the search.
_confirmed = order_history_table.alias()
_lapse = (
    select(
        _h.at,
        func.lag(_h.at, bindparam("others", type_=Integer)).over(order_by=_h.at).label("earlier"),
    )
    .join_from(order_table, order_history_table, _h.order_id == _o.id)
    .where(
        _OF_BUYER,
        _o.id > bindparam("recent_id", type_=Uuid),
        _o.status == text("'CANCELLED'"),
        _h.status == text("'CANCELLED'"),
        _h.by.not_like("admin:%"),
        _h.by.not_like("key:%"),
        ~exists().where(_confirmed.c.order_id == _o.id, _confirmed.c.status == text("'CONFIRMED'")),
    )
    .subquery("lapse")
)
_last_lapse = (
    select(func.max(_lapse.c.at))
    .where(_lapse.c.earlier > _lapse.c.at - literal_column("interval '1 hour'"))  # spec §4
    .scalar_subquery()
)
LAST_LAPSE = Statement(select(_last_lapse.label("at")))
MAY_HOLD = Statement(
    select(
        func.require(_unpaid < bindparam("unpaid_orders", type_=BigInteger), "unpaid_order_limit"),
        func.require(
            func.coalesce(
                _last_lapse <= bindparam("since", type_=DateTime(timezone=True)), text("true")
            ),
            "no_hold_cooldown",
        ),
    )
)
