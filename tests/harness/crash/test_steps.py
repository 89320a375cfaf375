"""Each way to cut a step does what it says: at a batch, and at a transaction of two round trips."""

import os
from collections.abc import Callable, Sequence

import pytest
from botocore.exceptions import BotoCoreError
from redis.exceptions import RedisError

from commerce.runtime import aws
from commerce.runtime.cache.valkey import connect
from commerce.runtime.db.connection import BEGIN, COMMIT, Database
from commerce.runtime.db.pipeline import Query
from commerce.shared.errors import CommerceError
from tests.harness.crash.forked import ForkResult, Report, run_in_fork
from tests.harness.crash.steps import Cut, Journal, Kind, watch
from tests.support.other_connection import wait_until
from tests.support.queues import a_queue
from tests.support.shop import a_key

SELECT, FIRST, SECOND = (
    Query("SELECT count(*) FROM mark"),
    Query("INSERT INTO mark VALUES ($1)", [1]),
    Query("INSERT INTO mark VALUES (2)"),
)
TRIPS: Sequence[Sequence[Query]] = (
    [SELECT],
    [FIRST, SECOND],
    [BEGIN, Query("SELECT n FROM mark WHERE n = $1 FOR UPDATE", [1])],
    [Query("UPDATE mark SET n = 3 WHERE n = 1"), COMMIT],
)
# A worker of a parallel test run has a thread; the forks have no use for what it holds.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")

STEPS = [
    "connect",
    "SELECT … FROM mark",
    "INSERT INTO mark VALUES ($1)",
    "INSERT INTO mark VALUES (2)",
    "commit",
    "BEGIN",
    "SELECT … FROM mark WHERE n = $1 FOR UPDATE",
    "UPDATE mark SET n = 3 WHERE n = 1",
    "COMMIT",
]
ERRORS = {
    (1, Kind.FAIL): "Unavailable",
    (1, Kind.HANG): "Unavailable",
    (5, Kind.HANG): "ConnectionLost",
    (9, Kind.HANG): "ConnectionLost",
}


@pytest.fixture
def database(own_database_url: str) -> Database:
    """With a table in which the trips leave their marks."""
    database = Database(lambda: own_database_url)
    database.run([Query("CREATE TABLE mark (n int)")])
    return database


def travel(url: str, cut: Cut | None) -> ForkResult:
    """Make the trips in a process of its own; returns its steps, and the name of what failed."""

    def work(report: Report) -> tuple[list[str], str]:
        journal = Journal(cut, report)
        watch(journal)
        database = Database(lambda: url)
        for trip in TRIPS:
            try:
                database.run(trip, in_transaction=trip[-1] is COMMIT)
            except CommerceError as error:
                return journal.steps, type(error).__name__
        return journal.steps, ""

    return run_in_fork(work)


def marks(database: Database) -> list[int]:
    """Return what is left once no other connection is open."""
    others = Query(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
        " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    wait_until(lambda: not database.run([others])[0], timeout_seconds=10)
    return [row.n for row in database.run([Query("SELECT n FROM mark ORDER BY n")])[0]]


def test_every_statement_and_every_commit_is_a_step(
    database: Database, own_database_url: str
) -> None:
    steps, failed = travel(own_database_url, None).require()
    assert steps == [f"PostgreSQL: {each}" for each in STEPS]
    assert failed == ""
    assert marks(database) == [2, 3]
    database.close()


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("step", range(1, len(STEPS) + 1))
def test_a_cut_leaves_what_was_committed_and_no_connection(
    database: Database, own_database_url: str, step: int, kind: Kind
) -> None:
    steps = [f"PostgreSQL: {each}" for each in STEPS]
    ended = travel(own_database_url, Cut.of(steps, step, kind))

    assert ended.reported == (steps[step - 1],)
    if kind in (Kind.KILL_BEFORE, Kind.KILL_AFTER):
        assert ended.is_killed
    else:
        failed = ERRORS.get((step, kind), "ConnectionLost" if kind is Kind.FAIL else "Busy")
        assert ended.require()[1] == failed
    is_done = kind in (Kind.KILL_AFTER, Kind.HANG)
    if step < 5 or (step == 5 and not is_done):
        assert marks(database) == []
    elif step == 9 and is_done:
        assert marks(database) == [2, 3]
    else:
        assert marks(database) == [1, 2]
    database.close()


def sent_to_a_queue(url: str) -> str:
    """Send a message to the queue, in one try; returns the name of what failed."""
    aws.client.cache_clear()  # what the parent has is connected
    try:
        aws.client("sqs", attempts=1).send_message(QueueUrl=url, MessageBody="m")
    except BotoCoreError as error:
        return type(error).__name__
    return ""


def counted_in_valkey(key: str) -> str:
    """Count one up; returns the name of what failed."""
    with connect(os.environ["VALKEY_URL"], 5) as server:
        try:
            server.incr(key)
        except RedisError as error:
            return type(error).__name__
    return ""


def cut_at(word: str, kind: Kind, work: Callable[[], str]) -> ForkResult:
    """Do the work in a process of its own, cut at the step of that word."""

    def watched(report: Report, cut: Cut | None) -> tuple[list[str], str]:
        journal = Journal(cut, report)
        watch(journal)
        return journal.steps, work()

    steps, _ = run_in_fork(lambda report: watched(report, None)).require()
    [step] = [number for number, name in enumerate(steps, start=1) if word in name]
    return run_in_fork(lambda report: watched(report, Cut.of(steps, step, kind)))


def test_a_cut_meets_its_step_in_whatever_order_the_steps_come() -> None:
    recorded = ["AWS: GetQueueUrl", "commit", "AWS: GetQueueUrl", "connect"]
    reported: list[str] = []
    journal = Journal(Cut.of(recorded, 3, Kind.FAIL), reported.append)

    met = [journal.reach(name) for name in ("connect", *recorded[:1] * 2, "commit")]

    assert met == [None, None, Kind.FAIL, None]
    assert reported == ["AWS: GetQueueUrl"]


@pytest.mark.parametrize(
    ("kind", "messages", "error"),
    [
        (Kind.KILL_BEFORE, 1, None),
        (Kind.KILL_AFTER, 2, None),
        (Kind.FAIL, 1, "EndpointConnectionError"),
        (Kind.HANG, 2, "ReadTimeoutError"),
    ],
)
def test_an_aws_request_is_cut_before_or_after_its_effect(
    kind: Kind, messages: int, error: str | None
) -> None:
    queue = a_queue()
    ended = cut_at("SendMessage", kind, lambda: sent_to_a_queue(queue.url))
    assert ended.is_killed if error is None else ended.require()[1] == error
    assert len(queue._receive(queue.url)) == messages  # one of them by the run that is not cut


@pytest.mark.parametrize(
    ("kind", "counted", "error"),
    [
        (Kind.KILL_BEFORE, 1, None),
        (Kind.KILL_AFTER, 2, None),
        (Kind.FAIL, 1, "ConnectionError"),
        (Kind.HANG, 2, "TimeoutError"),
    ],
)
def test_a_valkey_command_is_cut_before_or_after_its_effect(
    kind: Kind, counted: int, error: str | None
) -> None:
    key = f"cut:{a_key()}"
    ended = cut_at("INCRBY cut", kind, lambda: counted_in_valkey(key))
    with connect(os.environ["VALKEY_URL"], 5) as server:
        assert ended.is_killed if error is None else ended.require()[1] == error
        assert int(server.get(key) or 0) == counted  # once by the run that is not cut
