"""Scenarios of the relay with a failing bus, of retention, and of operators' commands."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from commerce.runtime.aws import client
from commerce.runtime.cache.valkey import connect
from commerce.runtime.db.current import database
from commerce.runtime.messaging import quarantine
from commerce.runtime.messaging.best_effort import LIST
from commerce.shared import clock
from infra.ops.__main__ import main
from tests.harness.crash.cases import (
    AGAIN,
    DONE,
    QUEUE,
    Case,
    Scenario,
    a_case,
    by_clock,
    consume,
    nudged,
    ordered,
    with_newest_event,
)
from tests.support.dead_letters import DeadQueue, a_dead_queue, take_all
from tests.support.envelopes import a_view, envelope_of
from tests.support.lambda_calls import bus_message
from tests.support.other_connection import wait_until
from tests.support.shop import rows

CONSUMER = "shipping/on_order_confirmed"

# --- events -------------------------------------------------------------------------------------


@contextmanager
def _no_bus() -> Iterator[None]:
    """Let the bus refuse every call."""
    name = os.environ["EVENT_BUS_NAME"]
    os.environ["EVENT_BUS_NAME"] = "there-is-none"
    try:
        yield
    finally:
        os.environ["EVENT_BUS_NAME"] = name


def _relay_without_bus(case: Case) -> str:
    with _no_bus():
        return by_clock("outbox/every_minute_relay")(case)


def _with_a_poisonous_event() -> Case:
    """Add to an order's events one that the bus has rejected four times."""
    case, id_ = ordered(), clock.new_id()
    rows(
        "INSERT INTO outbox (id, source, type, occurred_at, aggregate_id, aggregate_version,"
        " trace_id, data, refusals) VALUES ($1, '', 'Poison', now(), $1, 1, 't', '{}', 4)",
        id_,
    )
    return replace(case, words={"poison": id_})


def _quarantined(case: Case) -> object:
    sql = "SELECT type, cause FROM outbox_set_aside WHERE id = $1"
    return [tuple(row) for row in rows(sql, case.words["poison"])]


def _viewed() -> Case:
    """Let a view wait in Valkey, and nothing else."""
    case = a_case()
    with connect(os.environ["VALKEY_URL"]) as server:
        server.delete(LIST)
        server.rpush(LIST, json.dumps(envelope_of(a_view(case.product))))
    return case


def _with_expired_rows() -> Case:
    """Add a row to delete and a row to keep, of each kind that has a retention."""
    case = a_case(points=5_000)
    rows("UPDATE outbox SET published_at = now() - interval '8 days' WHERE published_at IS NULL")
    for key, days in (("due", 40), ("new", 1)):
        for answer in ("an answer", None):
            rows(
                "INSERT INTO once (scope, key, fingerprint, answer, claimed_at)"
                " VALUES ($1, $2, '', $3, now() - make_interval(days => $4))",
                f"{case.key} {answer}",
                key,
                answer,
                days,
            )
        for table in ("login_throttle", "login_attempt"):
            rows(
                f"INSERT INTO {table} VALUES"
                " ($1, 1, now() - make_interval(days => $2) + interval '1 hour')",
                f"{case.key} {key}",
                days,
            )
    return case


def _left(case: Case) -> object:
    """Return the rows that are left."""
    sql = "SELECT key FROM once WHERE scope LIKE $1 || ' %' ORDER BY scope, key"
    attempts = (
        "SELECT login_id LIKE '% new' FROM login_attempt WHERE login_id LIKE $1 || ' %'"
        " UNION ALL SELECT key LIKE '% new' FROM login_throttle WHERE key LIKE $1 || ' %'"
    )
    events = "SELECT count(*) FROM outbox WHERE published_at < now() - interval '7 days'"
    return (
        [row.key for row in rows(sql, case.key)],
        [tuple(row) for row in rows(attempts, case.key)],
        [tuple(row) for row in rows(events)],
    )


def _with_unchecked_books() -> Case:
    """Let an order be there, and no run: a full one is due."""
    case = ordered()
    rows("DELETE FROM reconciliation_run")
    return case


def _checked(case: Case) -> object:
    """Return if the newest run was complete, what it found of the order, and full runs open."""
    [run] = rows(
        "SELECT is_complete, findings FROM reconciliation_run WHERE kind = 'INCREMENTAL'"
        " ORDER BY begun_at DESC LIMIT 1"
    )
    about = [each["words"] for each in run.findings if case.order in each["words"]]
    [open_] = rows("SELECT count(*) AS n FROM reconciliation_run WHERE ended_at IS NULL")
    return run.is_complete, about, open_.n


def _samples(_: Case) -> object:
    """Return if a sample is there; the slot's primary key allows no second one."""
    return [row.found for row in rows("SELECT count(*) > 0 AS found FROM trend_sample")]


# --- commands -----------------------------------------------------------------------------------


def with_a_dead_letter() -> Case:
    """Make a dead letter of an order's event."""
    case = with_newest_event(ordered(), "OrderConfirmed")
    dead = a_dead_queue(tries=100)
    [id_] = dead.fill(json.dumps(bus_message(case.words["envelope"])))
    return replace(case, words={**case.words, "dead": dead, "id": id_})


def _dlq(case: Case, action: str, *options: str) -> int:
    dead: DeadQueue = case.words["dead"]
    return main(["dlq", action, dead.name, "--stack", dead.stack, "--json", *options])


def _redrive(case: Case) -> str:
    return DONE if _dlq(case, "redrive") == 0 else AGAIN


def _discard(case: Case) -> str:
    options = ("--id", case.words["id"], "--reason", "a test of it", "--yes")
    return {0: DONE, 1: "not found"}.get(_dlq(case, "discard", *options), AGAIN)


def _with_a_discarded_message() -> Case:
    case = with_a_dead_letter()
    assert _discard(case) == DONE
    return case


def _restore(case: Case) -> str:
    return DONE if _dlq(case, "restore", "--id", case.words["id"]) == 0 else AGAIN


def _restored(case: Case) -> tuple[list[str], list[str]]:
    """The messages that are in the queue again, whether once or twice, and their audit."""
    sql = "SELECT DISTINCT action FROM ops_audit WHERE message_id = $1 ORDER BY action"
    orders = {json.loads(body)["detail"]["type"] for body in case.words["dead"].bodies()}
    return sorted(orders), [row.action for row in rows(sql, case.words["id"])]


def redriven(redrive: Callable[[Case], str], case: Case) -> object:
    """Redrive until no dead letter is left, visible or not; return which events were sent."""
    dead: DeadQueue = case.words["dead"]
    wait_until(lambda: redrive(case) in _WELL and not _count(dead), timeout_seconds=120)
    bodies = [json.loads(each["Body"]) for each in take_all(dead.url)]
    for each in bodies:
        assert consume(CONSUMER, each["detail"]) == DONE
    return {each["detail"]["id"] == case.words["envelope"]["id"] for each in bodies}


def discarded(discard: Callable[[Case], str], case: Case) -> object:
    """Discard until no dead letter is left; return the audit, and what was sent (nothing)."""
    dead: DeadQueue = case.words["dead"]
    wait_until(lambda: discard(case) in _WELL and not _count(dead), timeout_seconds=120)
    sql = "SELECT action, reason, body LIKE $2 AS is_whole FROM ops_audit WHERE message_id = $1"
    found = {tuple(row) for row in rows(sql, case.words["id"], f"%{case.order}%")}
    return found, take_all(dead.url)


def _count(dead: DeadQueue) -> int:
    """Count the dead letters, visible or not."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = client("sqs").get_queue_attributes(
        QueueUrl=dead.dead_letters_url, AttributeNames=names
    )
    return sum(int(answer["Attributes"][name]) for name in names)


def with_a_quarantined_event() -> Case:
    """Quarantine an event of an order."""
    case = with_newest_event(ordered(), "OrderConfirmed")
    id_ = case.words["envelope"]["id"]
    [row] = rows("SELECT position FROM outbox WHERE id = $1", id_)
    database().run([quarantine.move({row.position: "a test"})])
    return case


def _requeue(case: Case) -> str:
    id_: Any = UUID(case.words["envelope"]["id"])
    code = main(["quarantine", "requeue", str(id_), "--json", "--stack", "none"])
    return {0: DONE, 1: "not found"}.get(code, AGAIN)


_GONE = frozenset({DONE, "not found"})
_WELL = {*_GONE, "200"}

SCENARIOS = (
    Scenario(
        "reconcile_books", "operations/every_five_minutes_reconcile", _with_unchecked_books,
        by_clock("operations/every_five_minutes_reconcile"), QUEUE, look=_checked,
    ),
    Scenario(
        "take_sample", "operations/every_five_minutes_sample", _with_unchecked_books,
        by_clock("operations/every_five_minutes_sample"), QUEUE, look=_samples,
    ),
    Scenario("relay_refused", "outbox/every_minute_relay", ordered, _relay_without_bus, QUEUE),
    Scenario(
        "relay_quarantines", "outbox/every_minute_relay", _with_a_poisonous_event,
        by_clock("outbox/every_minute_relay"), QUEUE, look=_quarantined,
    ),
    Scenario(
        "publish_views", "product/on_products_viewed", _viewed,
        nudged("product/on_products_viewed"), QUEUE, records_views=True,
    ),
    Scenario(
        "clean_up", "outbox/daily_clean_up", _with_expired_rows,
        by_clock("outbox/daily_clean_up"), QUEUE, look=_left,
    ),
    Scenario(
        "redrive", "make ops dlq redrive", with_a_dead_letter, _redrive, QUEUE,
        look=partial(redriven, _redrive),
    ),
    Scenario(
        "discard", "make ops dlq discard", with_a_dead_letter, _discard, _GONE,
        look=partial(discarded, _discard),
    ),
    Scenario(
        "restore", "make ops dlq restore", _with_a_discarded_message, _restore, QUEUE,
        look=_restored,
    ),
    Scenario("requeue", "make ops quarantine requeue", with_a_quarantined_event, _requeue, _GONE),
)  # fmt: skip
