"""Looking up what a text may mean, by the form of it, as far as the caller's scopes go."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from commerce.app.operations.dead_letters import dead_letters_about
from commerce.app.operations.discarded import DISCARD
from commerce.app.operations.finding.form import Form
from commerce.app.operations.finding.trace import trace
from commerce.app.operations.finding.views import SCOPES, FindView, FoundView, NotSearchedView
from commerce.app.operations.kept_events import find_event
from commerce.app.operations.timeline_entries import TimelineEntryView
from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.runtime import audit
from commerce.runtime.audit import Change
from commerce.runtime.db import outbox
from commerce.runtime.db.pipeline import Row
from commerce.runtime.db.statement import precompiled
from commerce.runtime.messaging.dead_letters import DeadLetter
from commerce.shared import clock
from commerce.shared.scopes import Scope

if TYPE_CHECKING:
    from commerce.app.operations.finding import statements as sql
else:
    sql = precompiled("commerce.app.operations.finding.statements")

QUEUES_SECONDS = 8.0  # and as much for the log; API Gateway waits for 29 s
NEWEST_DISCARDS = 1_000  # in which a message is looked for
_MESSAGES = ("DEAD_LETTER", "FAILING_MESSAGE", "DISCARDED_MESSAGE")
_PAGES = {
    "ORDER": "order",
    "PAYMENT": "payment",
    "USER": "user",
    "DROP": "drop",
    "DROP_ENTRY": "drop",
}
_COUNTED = {"LOG": "log lines", "EVENT": "events", "ACT": "acts of staff"}
_LOGIN_FORGOTTEN = (
    "No user has this login id. That of an erased user is forgotten: look for their id, which "
    "their orders keep."
)


def find(typed: str, *, scopes: Collection[str], by: str) -> FindView:
    """Find what an id, transaction key, trace or login id names. Raises NoSuchForm.

    A user who is found is named in the audit, as by any other look at one.

    Args:
        typed: the text, with what surrounds an id where it is copied.
        scopes: those of the caller; what they do not allow is not looked for.
        by: the caller, for the audit.
    """
    form = Form.of(typed)
    kinds = _kinds(form)
    allowed = [each for each in kinds if {SCOPES[each], Scope.ADMIN} & set(scopes)]
    found = in_transaction(_kept, form, allowed, by=by)
    are_all = True
    if "DEAD_LETTER" in allowed:
        letters, are_all = dead_letters_about(form.text, QUEUES_SECONDS)
        found += [_dead_letter(queue, each) for queue, each in letters]
    entries: list[TimelineEntryView] = []
    searched = [each for each in allowed if each != "TRACE"]
    if "TRACE" in allowed and not (found and form.is_ours):
        searched.append("TRACE")
        entries, is_whole = trace(form.text)
        are_all = are_all and is_whole
        found += [_trace(form, entries)] if entries else []
    return FindView(
        text=form.text,
        found=found,
        entries=entries,
        searched=searched,
        not_searched=[
            NotSearchedView(kind=each, scope=SCOPES[each]) for each in kinds if each not in allowed
        ],
        notes=list(_notes(form, allowed, {each.kind for each in found})),
        is_complete=are_all,
    )


def _kinds(form: Form) -> list[str]:
    if form.id is not None:
        return list(SCOPES)
    if form.is_login_id:
        return ["PAYMENT", "USER"]
    return ["PAYMENT", *_MESSAGES, "TRACE"] if form.may_be_trace else ["PAYMENT"]


def _kept(shop: Shop, form: Form, kinds: Collection[str], *, by: str) -> list[FoundView]:
    """Find what the database has of it."""
    found = [_view(kind, row) for kind, row in _rows(shop, form, kinds)]
    for each in found:
        if each.kind == "USER" and each.state != "ERASED":
            audit.record(shop.uow, Change(by, "read user", UUID(each.id), {}, {}))
    if form.id is not None and "EVENT" in kinds and (event := find_event(shop, form.id)):
        state = f"{event.type}, {event.state}"
        link = f"event={form.id}"
        found.append(_found("EVENT", event.event_id, state, event.occurred_at, link))
    return found + list(_messages(shop, form, kinds))


def _rows(shop: Shop, form: Form, kinds: Collection[str]) -> Iterator[tuple[str, Row]]:
    queries = []
    if form.id is not None:
        queries += [(each, sql.BY_ID[each](id=form.id)) for each in kinds if each in sql.BY_ID]
    if "PAYMENT" in kinds:
        queries.append(("PAYMENT", sql.PAYMENT_BY_KEY(keys=form.keys)))
    if "USER" in kinds and form.is_login_id:
        queries.append(("USER", sql.USER_BY_LOGIN(login_id=form.text)))
    if not queries:
        return
    answers = shop.uow.read_together(*(query for _, query in queries))
    for (kind, _), rows in zip(queries, answers, strict=True):
        yield from ((kind, row) for row in rows)


def _messages(shop: Shop, form: Form, kinds: Collection[str]) -> Iterator[FoundView]:
    if "FAILING_MESSAGE" in kinds:
        for row in shop.uow.read(sql.FAILING(message_id=form.text)):
            state = f"{row.queue}: {row.cause}"
            yield _found("FAILING_MESSAGE", form.text, state, row.since, "failing")
    if "DISCARDED_MESSAGE" in kinds:
        newest = {"action": DISCARD, "limit": NEWEST_DISCARDS}
        for row in shop.uow.read(sql.DISCARDED(message_id=form.text, **newest)):
            state = f"{row.queue}: {row.reason}"
            yield _found("DISCARDED_MESSAGE", form.text, state, row.at, "discarded=messages")


def _view(kind: str, row: Row) -> FoundView:
    order_id, user_id = (each and str(each) for each in (row.order_id, row.user_id))
    return FoundView(
        kind=kind,
        id=str(row.id),
        state=row.state or "",
        at=row.at,
        order_id=order_id,
        user_id=user_id,
        link=_link(kind, row),
    )


def _link(kind: str, row: Row) -> str | None:
    """Return the console's page of it, or of the order or payment that it is a part of."""
    if kind in _PAGES and row.state != "ERASED":
        return f"{_PAGES[kind]}={row.about or row.id}"
    if row.about is not None:
        return f"payment={row.about}"
    return None if row.order_id is None else f"order={row.order_id}"


def _found(
    kind: str, id_: str, state: str, at: datetime, link: str, order_id: str | None = None
) -> FoundView:
    return FoundView(
        kind=kind, id=id_, state=state, at=at, order_id=order_id, user_id=None, link=link
    )


def _dead_letter(queue: str, letter: DeadLetter) -> FoundView:
    state = ": ".join(filter(None, (queue, letter.kind, letter.cause)))
    at, order_id = letter.occurred_at, letter.order_id or None
    return _found("DEAD_LETTER", letter.id, state, at, f"queue={queue}", order_id)


def _trace(form: Form, entries: Sequence[TimelineEntryView]) -> FoundView:
    counted = Counter(each.kind for each in entries)
    state = ", ".join(f"{_COUNTED[kind]}: {count}" for kind, count in counted.items())
    return _found("TRACE", form.text, state, entries[0].at, f"trace={form.text}")


def _notes(form: Form, searched: Collection[str], found: Collection[str]) -> Iterator[str]:
    if form.is_login_id and "USER" in searched and "USER" not in found:
        yield _LOGIN_FORGOTTEN
    if form.id is None or not form.is_ours or "EVENT" in found:
        return
    made_at = clock.moment_of(form.id)
    if clock.now() - made_at > outbox.KEPT_FOR:
        yield (
            f"Published events are kept for {outbox.KEPT_FOR.days} days. This id was made on "
            f"{made_at:%Y-%m-%d}: if it is an event's, the event is no longer kept."
        )
