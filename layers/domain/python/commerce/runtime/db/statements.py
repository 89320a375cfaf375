"""Statements on the tables that belong to no context."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    DateTime,
    Text,
    Uuid,
    any_,
    bindparam,
    column,
    delete,
    exists,
    func,
    insert,
    literal,
    literal_column,
    null,
    or_,
    select,
    table,
    text,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from commerce.runtime.db.core import delete_older, insert_many, insert_row, records
from commerce.runtime.db.statement import Statement
from commerce.runtime.db.tables import (
    TRIED_AGAIN,
    admin_audit_table,
    failing_message_table,
    once_table,
    ops_audit_table,
    outbox_table,
    quarantine_table,
    staff_act_table,
)
from commerce.shared.events import ENVELOPE

MAX_COUNTED = 1_000_000
"""Waiting events are counted up to this number: a full count would be slow."""

# --- idempotency ---------------------------------------------------------------------------------

_CLAIM: dict[str, Any] = {
    name: bindparam(name) for name in ("scope", "key", "fingerprint", "answer", "claimed_at")
}
CLAIM = Statement(insert(once_table).values(_CLAIM))
FIND_CLAIM = Statement(
    select(once_table.c.fingerprint, once_table.c.answer).where(
        once_table.c.scope == bindparam("scope"), once_table.c.key == bindparam("key")
    )
)
ANSWER = Statement(
    update(once_table)
    .where(once_table.c.scope == bindparam("scope_"), once_table.c.key == bindparam("key_"))
    .values(answer=bindparam("answer"))
)
# Returns no row where the claim has an answer already.
CLAIM_REFUSED = Statement(
    upsert(once_table).values(_CLAIM).on_conflict_do_nothing().returning(once_table.c.key)
)
RELEASE = Statement(
    delete(once_table).where(
        once_table.c.scope == bindparam("scope"), once_table.c.key == bindparam("key")
    )
)

RELEASE_ANSWERED = Statement(
    delete(once_table).where(
        once_table.c.scope == bindparam("scope"),
        once_table.c.key == bindparam("key"),
        once_table.c.answer == bindparam("answer"),
    )
)

_NEW = records("claims", once_table.c.key)
CLAIM_NEW = Statement(
    upsert(once_table)
    .from_select(
        ["scope", "key", "fingerprint", "claimed_at"],
        # Ordered, so that two batches with the same events cannot deadlock.
        select(
            bindparam("scope", type_=Text), _NEW.c.key, literal(""), bindparam("claimed_at")
        ).order_by(_NEW.c.key),
    )
    .on_conflict_do_nothing()
    .returning(once_table.c.key)
)

# All scopes of a user's requests begin with their id and a blank. The range finds them by the key
# in any collation, since operations begin with a capital letter.
_USER = bindparam("erased", type_=Text)
FORGET_ANSWERS = Statement(
    delete(once_table).where(
        once_table.c.scope.between(_USER, _USER.concat("z")),
        func.starts_with(once_table.c.scope, _USER.concat(" ")),
    )
)

# --- outbox --------------------------------------------------------------------------------------

ADD_EVENTS = insert_many(outbox_table, *ENVELOPE)

_o = outbox_table.c
_unpublished = _o.published_at.is_(None)
# `after` skips what was refused earlier in this run. Each run starts at 0: positions are drawn
# before the commit, so starting after the highest position seen would lose a late commit.
TAKE = Statement(
    select(_o.position, _o.refusals, *(_o[name] for name in ENVELOPE))
    .where(_unpublished, _o.position > bindparam("after", type_=BigInteger))
    .order_by(_o.position)
    .limit(bindparam("limit", type_=BigInteger))
    .with_for_update(skip_locked=True)
)
MARK = Statement(
    update(outbox_table)
    .where(_o.position == any_(bindparam("positions", type_=ARRAY(BigInteger))))
    .values(published_at=bindparam("published_at"))
)
COUNT_REFUSAL = Statement(
    update(outbox_table)
    .where(_o.position == any_(bindparam("positions", type_=ARRAY(BigInteger))))
    .values(refusals=_o.refusals + 1)
)


def _waiting() -> Any:
    some = select(_o.position).where(_unpublished).limit(MAX_COUNTED).subquery()
    oldest = select(_o.occurred_at).where(_unpublished).order_by(_o.position).limit(1)
    return select(
        select(func.count()).select_from(some).scalar_subquery().label("count"),
        oldest.scalar_subquery().label("oldest"),
        select(func.count()).select_from(quarantine_table).scalar_subquery().label("quarantined"),
    )


WAITING = Statement(_waiting)

_o = outbox_table.c
LIST_WAITING = Statement(
    select(_o.id, _o.type, _o.aggregate_id, _o.occurred_at, _o.trace_id, _o.data, _o.refusals)
    .where(_o.published_at.is_(None))
    .order_by(_o.position)
    .limit(bindparam("limit", type_=BigInteger))
)

# --- quarantine ----------------------------------------------------------------------------------

_MOVED = ("position", *ENVELOPE)
_causes = records("rows", column("position", BigInteger), column("cause", Text))
_deleted = (
    delete(outbox_table)
    .where(outbox_table.c.position == _causes.c.position)
    .returning(*(outbox_table.c[name] for name in _MOVED), _causes.c.cause)
    .cte("deleted")
)
QUARANTINE = Statement(
    insert(quarantine_table).from_select(
        [*_MOVED, "cause", "set_aside_at"], select(*_deleted.c, bindparam("set_aside_at"))
    )
)
_q = quarantine_table.c
LIST_QUARANTINED = Statement(
    select(_q.id, _q.type, _q.occurred_at, _q.aggregate_id, _q.trace_id, _q.cause, _q.set_aside_at)
    .order_by(_q.position)
    .limit(bindparam("limit", type_=BigInteger))
)
_requeued = (
    delete(quarantine_table)
    .where(_q.id == any_(bindparam("ids", type_=ARRAY(Uuid))))
    .returning(*(_q[name] for name in _MOVED))
    .cte("requeued")
)
REQUEUE = Statement(
    insert(outbox_table)
    .from_select(list(_MOVED), select(*_requeued.c))
    .returning(outbox_table.c.id)
)

DISCARD_QUARANTINED = Statement(
    delete(quarantine_table)
    .where(_q.id == bindparam("event_id", type_=Uuid))
    .returning(*(_q[name] for name in _MOVED), _q.cause, _q.set_aside_at)
)
# An event is in one of the two tables, or it was discarded. What moves it from one to the other is
# one transaction, so that a statement sees it in one.
_discarded = records("rows", *(outbox_table.c[name] for name in _MOVED))
_is_kept = or_(
    exists().where(outbox_table.c.id == _discarded.c.id), exists().where(_q.id == _discarded.c.id)
)
RESTORE_EVENT = Statement(
    insert(outbox_table)
    .from_select(list(_MOVED), select(*_discarded.c).where(~_is_kept))
    .returning(outbox_table.c.id)
)
FIND_EVENT = Statement(
    union_all(
        select(
            *(_o[name] for name in ENVELOPE), _o.refusals, _o.published_at,
            null().label("cause"), null().label("set_aside_at"),
        ).where(_o.id == bindparam("event_id", type_=Uuid)),
        select(
            *(_q[name] for name in ENVELOPE), literal_column("0"), null(), _q.cause, _q.set_aside_at
        ).where(_q.id == bindparam("event_id", type_=Uuid)),
    )
)  # fmt: skip

# --- audits, schema ------------------------------------------------------------------------------

RECORD_ACT = insert_row(ops_audit_table)
RECORD_CHANGE = insert_row(admin_audit_table)
_a = staff_act_table.c
_OF_ACT = ("id", "at", "by", "action", "subject", "trace_id")
BEGIN_ACT = Statement(
    insert(staff_act_table).values({name: bindparam(name, type_=_a[name].type) for name in _OF_ACT})
)
END_ACT = Statement(
    update(staff_act_table)
    .where(_a.id == bindparam("act_id", type_=Uuid))
    .values(outcome=bindparam("new_outcome"), code=bindparam("new_code"))
)
# The reasons that staff gave for what they did to a user.
_c = admin_audit_table.c
FORGET_REASONS = Statement(
    update(admin_audit_table)
    .where(_c.subject_id == bindparam("erased", type_=Uuid))
    .values({name: _c[name].op("-")(text("'reason'")) for name in ("before", "after")})
)
# Commands about accounts name the login id.
_OF_ACCOUNTS = ("staff grant", "staff revoke", "sessions end", "users erase", "users mail-again")
_LOGIN_ID = func.concat(r"\m", bindparam("login_id", type_=Text), r"\M")
FORGET_COMMANDS = Statement(
    update(staff_act_table)
    .where(
        _a.action.in_([literal_column(f"'make ops {each}'") for each in _OF_ACCOUNTS]),
        _a.subject.regexp_match(_LOGIN_ID, flags="i"),
    )
    .values(subject=func.regexp_replace(_a.subject, _LOGIN_ID, "(erased)", "gi"))
)
REVISION = Statement(select(column("version_num")).select_from(table("alembic_version")))

# --- failing messages ----------------------------------------------------------------------------

_f = failing_message_table.c


def _note_failures() -> Any:
    names = [each.name for each in _f]
    given = records("rows", *_f)
    note = upsert(failing_message_table).from_select(
        names, select(*(given.c[name] for name in names)).order_by(given.c.message_id)
    )
    newer = {name: note.excluded[name] for name in ("queue", "tries", "cause", "failed_at")}
    return note.on_conflict_do_update(index_elements=[_f.message_id], set_=newer)


NOTE_FAILURES = Statement(_note_failures)
FORGET_FAILURES = Statement(
    delete(failing_message_table).where(
        _f.message_id == any_(bindparam("message_ids", type_=ARRAY(Text)))
    )
)
FAILING = Statement(
    select(*_f)
    .where(
        _f.failed_at >= bindparam("since", type_=DateTime(timezone=True)),
        TRIED_AGAIN,
    )
    .order_by(_f.failed_at.desc())
    .limit(bindparam("limit", type_=BigInteger))
)
CAUSES = Statement(
    select(_f.message_id, _f.cause).where(
        _f.message_id == any_(bindparam("message_ids", type_=ARRAY(Text)))
    )
)

# --- retention -----------------------------------------------------------------------------------

_published, _claimed = outbox_table.c.published_at, once_table.c.claimed_at
_failed = failing_message_table.c.failed_at
DELETE_PUBLISHED = delete_older(outbox_table, _published, _published.is_not(None))
DELETE_TRIED_AGAIN = delete_older(failing_message_table, _failed, TRIED_AGAIN)
DELETE_CAUSES = delete_older(failing_message_table, _failed)
DELETE_ANSWERS = delete_older(once_table, _claimed, once_table.c.answer.is_not(None))
DELETE_CLAIMS = delete_older(once_table, _claimed, once_table.c.answer.is_(None))
