"""The SQL statements of the payment context."""

from sqlalchemy import (
    BigInteger,
    DateTime,
    Text,
    Uuid,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    text,
    update,
)

from commerce.payment.tables import UNFINISHED, payment_refund_table, payment_table
from commerce.runtime.db.core import insert_row, save_as_read
from commerce.runtime.db.statement import Statement

_p = payment_table.c
_TIME = DateTime(timezone=True)
_ID = bindparam("id", type_=Uuid)
_SUBJECT_ID = bindparam("subject_id", type_=Uuid)
_OF_SUBJECT = or_(_p.order_id == _SUBJECT_ID, _p.charge_id == _SUBJECT_ID)
_UNFINISHED = text(f"({UNFINISHED})")

ADD = insert_row(payment_table)
FIND = Statement(select(payment_table).where(_p.id == _ID))
FIND_BY_KEY = Statement(
    select(payment_table).where(_p.transaction_key == bindparam("key", type_=Text))
)
OF_SUBJECT = Statement(select(payment_table).where(_OF_SUBJECT).order_by(_p.id))
LOCK = Statement(select(payment_table).where(_p.id == _ID).with_for_update())
LOCK_OF_SUBJECT = Statement(
    select(payment_table).where(_OF_SUBJECT).order_by(_p.id).with_for_update()
)
# The payments of a buyer are counted under a lock of the transaction's, the last that it takes. The
# statement after it sees what the one before has committed.
LOCK_BUYER = Statement(
    select(
        func.pg_advisory_xact_lock(
            literal_column(str(int.from_bytes(b"pay"))),
            func.hashtext(bindparam("buyer", type_=Text)),
        )
    )
)
OF_BUYER = Statement(
    select(payment_table)
    .where(
        _p.buyer_id == bindparam("buyer_id", type_=Uuid),
        _p.requested_at >= bindparam("since", type_=_TIME),
    )
    .order_by(_p.id)
)
NEWEST = Statement(
    select(payment_table)
    .where(
        _p.buyer_id == bindparam("buyer_id", type_=Uuid), _p.id < bindparam("before", type_=Uuid)
    )
    .order_by(_p.id.desc())
    .limit(bindparam("limit", type_=BigInteger))
)
FORGET_CARDS = Statement(
    update(payment_table)
    .where(_p.buyer_id == bindparam("buyer_id", type_=Uuid))
    .values(card_last4=None)
)
LIST_UNFINISHED = Statement(
    select(payment_table)
    .where(_UNFINISHED, _p.asked_at <= bindparam("before", type_=_TIME))
    .order_by(_p.asked_at, _p.id)
    .limit(bindparam("limit", type_=BigInteger))
)
COUNT_UNFINISHED = Statement(
    select(func.count().label("count"))
    .select_from(payment_table)
    .where(_UNFINISHED, _p.changed_at <= bindparam("before", type_=_TIME))
)
MARK_ASKED = Statement(
    update(payment_table)
    .where(_p.id == bindparam("payment_id", type_=Uuid), _UNFINISHED)
    .values(asked_at=bindparam("at", type_=_TIME))
)
SAVE = save_as_read(
    payment_table,
    "payment_as_read",
    *("status", "transaction_key", "card_last4", "failure_reason", "refund_reason"),
    *("changed_at", "asked_at", "refund_requested_amount", "refunded_amount"),
)

_r = payment_refund_table.c
ADD_REFUND = insert_row(payment_refund_table)
REFUNDS = Statement(
    select(payment_refund_table)
    .where(_r.payment_id == bindparam("payment_id", type_=Uuid))
    .order_by(_r.id)
)
MARK_REFUNDED = Statement(
    update(payment_refund_table)
    .where(_r.id == bindparam("refund_id", type_=Uuid))
    .values(refunded_at=bindparam("at", type_=_TIME))
)
