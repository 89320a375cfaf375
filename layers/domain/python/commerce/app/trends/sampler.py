"""Takes a sample every five minutes, and records which conditions are wrong.

Each source is read by itself, with a time of its own: what one of them does not answer is missing,
and the others are stored.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from commerce.app import operations
from commerce.app.alerts import record
from commerce.app.alerts.record import Condition
from commerce.app.checkout.gateway import payment_breaker
from commerce.app.messaging import relay
from commerce.app.operations import conditions
from commerce.app.transactions import in_transaction
from commerce.app.trends.failures import count_failures
from commerce.drop import DropFacade
from commerce.payment import State
from commerce.runtime import release
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.statement import precompiled
from commerce.runtime.deadline import ANSWER_RESERVE_SECONDS, answering_within
from commerce.shared import clock

if TYPE_CHECKING:
    from commerce.app.trends import statements as sql
else:
    sql = precompiled("commerce.app.trends.statements")

SLOT = timedelta(minutes=5)
LOOK_BACK = 3  # slots whose counts are read again: CloudWatch and payments take minutes to settle
SOURCE_SECONDS = 7.0  # of each of seven sources; the function has 60 s
MAX_DROPS = 10  # as many as the console shows

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sampled:
    """A sample: its slot, the names of the sources that were not read, and what is wrong."""

    slot: datetime
    missing: list[str] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)


def slot_of(moment: datetime) -> datetime:
    """Return the beginning of the slot with this moment; slots begin at whole five minutes."""
    seconds = int(moment.timestamp())
    return datetime.fromtimestamp(seconds - seconds % int(SLOT.total_seconds()), UTC)


def take_sample(now: datetime | None = None) -> Sampled:
    """Store a sample of this moment, once per slot, by the database's clock.

    Raises what the database raises; then nothing is stored, and the slot stays a gap.
    """
    now = now or database().run([sql.NOW()])[0][0].now
    sampled = Sampled(slot_of(now))
    letters: dict[str, int] = {}
    moment = dict[str, Any](
        dead_letters=None, outbox_age_seconds=None, breaker=None, version=None, code=None
    )
    for name, read in (
        ("release", _release),
        ("outbox", lambda: {"outbox_age_seconds": round(relay().waiting().age_seconds(now))}),
        ("breaker", lambda: {"breaker": _breaker(sampled.slot)}),
        ("dead letters", lambda: _dead_letters(letters)),
    ):
        moment |= _read(name, read, sampled.missing) or {}
    database().run([_store_moment(sampled.slot, moment), _store_counts(_counts(sampled))])
    _record_conditions(sampled, letters, now)
    return sampled


def _read(name: str, read: Callable[[], Any], missing: list[str]) -> Any:
    try:
        with answering_within(SOURCE_SECONDS + ANSWER_RESERVE_SECONDS):
            return read()
    except Exception:
        logger.warning("%s cannot be sampled", name, exc_info=True)
        missing.append(name)
        return None


def _release() -> dict[str, str]:
    found = release.running()
    return {"version": found.version, "code": found.code}


def _breaker(slot: datetime) -> str:
    found = payment_breaker().snapshot()
    if found is None:
        return "unknown"
    # It may have opened and closed again since the last sample.
    is_new = found.opening is not None and found.opening.at >= slot - SLOT
    return State.OPEN.value if is_new else found.state.value


def _dead_letters(by_queue: dict[str, int]) -> dict[str, int]:
    by_queue |= operations.counts()
    return {"dead_letters": sum(by_queue.values())}


def _counts(sampled: Sampled) -> list[dict[str, Any]]:
    """Read the counts of the last slots that are over."""
    slots = [sampled.slot - SLOT * back for back in range(LOOK_BACK, 0, -1)]
    nothing = dict.fromkeys(
        ("payments_succeeded", "payments_failed", "api_5xx", "functions_failed")
    )
    payments, failures = (
        _read(name, read, sampled.missing) or [{}] * len(slots)
        for name, read in (
            ("payments", lambda: list(_payments(slots))),
            ("failures", lambda: list(count_failures(slots, SLOT))),
        )
    )
    return [
        {"slot": clock.rfc3339(slot), **nothing, **paid, **failed}
        for slot, paid, failed in zip(slots, payments, failures, strict=True)
        if paid or failed
    ]


def _payments(slots: list[datetime]) -> Iterator[dict[str, int]]:
    found = database().run(
        [
            sql.PAYMENTS(first_id=clock.first_id_at(slot), end_id=clock.first_id_at(slot + SLOT))
            for slot in slots
        ]
    )
    for [row] in found:
        yield {"payments_succeeded": row.succeeded, "payments_failed": row.failed}


def _store_moment(slot: datetime, moment: dict[str, Any]) -> Query:
    query: Query = sql.STORE_MOMENT(rows=[{"slot": clock.rfc3339(slot), **moment}])
    return query


def _store_counts(rows: list[dict[str, Any]]) -> Query:
    query: Query = sql.STORE_COUNTS(rows=rows)
    return query


def _record_conditions(sampled: Sampled, letters: dict[str, int], now: datetime) -> None:
    """Record what is wrong, from each source that can be read."""
    sampled.conditions.extend(conditions.of_dead_letters(letters))
    for name, find in (("overview", _of_overview), ("drops", _of_drops)):
        sampled.conditions.extend(_read(name, find, sampled.missing) or [])
    _read("record", lambda: record.seen(sampled.conditions, now), sampled.missing)


def _of_overview() -> list[Condition]:
    return list(conditions.of_overview(operations.overview()))


def _of_drops() -> list[Condition]:
    page = in_transaction(DropFacade.list, limit=MAX_DROPS, after=None, with_drafts=True)
    drops = [in_transaction(DropFacade.inspect, each.drop_id) for each in page.items]
    return [found for drop in drops for found in conditions.of_drop(drop)]
