"""The connection to a real PostgreSQL: round trips, transactions and errors."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from commerce.runtime.db import pipeline
from commerce.runtime.db.connection import (
    BEGIN,
    COMMIT,
    IDLE_SECONDS,
    ROLLBACK,
    ConnectionLost,
    ConstraintViolated,
    Contention,
    Database,
    InvalidData,
)
from commerce.runtime.db.pipeline import MAX_PREPARED, PROBE_SECONDS, Query
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.runtime.deadline import answering_within
from commerce.shared.errors import Busy, Unavailable
from infra.local.ports import LOOPBACK, Ports
from tests.support.black_hole import black_hole
from tests.support.other_connection import an_observer, held_by_another

ADD = "INSERT INTO brand VALUES ($1, 'Acme', '', 1, now())"


@pytest.fixture
def database(own_database_url: str) -> Iterator[Database]:
    found = Database(lambda: own_database_url)
    yield found
    found.close()


def run(database: Database, sql: str, *values: object) -> list[Any]:
    return database.run([Query(sql, values)])[0]


def count(database: Database) -> int:
    return int(run(database, "SELECT count(*) AS n FROM brand")[0].n)


def test_each_query_gets_its_own_rows(database: Database) -> None:
    first, none, second = database.run(
        [
            Query("SELECT 1 AS one, 'a' AS letter"),
            Query("SELECT 1 AS one WHERE false"),
            Query("SELECT n FROM generate_series(1, $1::int) AS n", [3]),
        ]
    )
    assert [(row.one, row.letter) for row in first] == [(1, "a")]
    assert none == []
    assert [row.n for row in second] == [1, 2, 3]


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("text", "\N{ANCHOR}\N{GRINNING FACE} '\"\\ $1 \n\t"),
        ("text", ""),
        ("text", None),
        ("bigint", 2**63 - 1),
        ("bigint", -(2**63)),
        ("boolean", True),
        ("uuid", UUID(int=2**128 - 1)),
        ("uuid[]", [UUID(int=1), UUID(int=2)]),
        ("uuid[]", []),
        ("text[]", ["a,b", '"', "\\", "{}", ""]),
        ("timestamptz", datetime(2026, 1, 31, 9, 30, 0, 123456, tzinfo=UTC)),
        ("date", date(1999, 12, 31)),
    ],
)
def test_values_are_read_back_unchanged(database: Database, type_: str, value: object) -> None:
    assert run(database, f"SELECT $1::{type_} AS value", value)[0].value == value


def test_statements_of_one_round_trip_are_one_transaction(database: Database) -> None:
    with pytest.raises(ConstraintViolated, match="brand_pkey"):
        database.run(
            [Query(ADD, [UUID(int=1)]), Query(ADD, [UUID(int=2)]), Query(ADD, [UUID(int=1)])]
        )
    assert count(database) == 0
    database.run([Query(ADD, [UUID(int=1)]), Query(ADD, [UUID(int=2)])])
    assert count(database) == 2


def test_a_connection_is_usable_after_an_error(database: Database) -> None:
    [before] = run(database, "SELECT pg_backend_pid() AS pid")
    for _ in range(3):
        with pytest.raises(Exception, match="no_such_table"):
            run(database, "SELECT * FROM no_such_table")
    assert run(database, "SELECT pg_backend_pid() AS pid") == [before]


def test_an_explicit_transaction_ends_with_its_rollback(database: Database) -> None:
    database.run([BEGIN, Query(ADD, [uuid4()])])
    assert count(database) == 1
    database.run([ROLLBACK])
    assert count(database) == 0
    database.run([BEGIN])
    database.run([Query(ADD, [uuid4()]), COMMIT])
    assert count(database) == 1


def test_a_failed_transaction_commits_nothing(database: Database) -> None:
    database.run([BEGIN, Query(ADD, [UUID(int=1)])])
    with pytest.raises(ConstraintViolated):
        database.run([Query(ADD, [UUID(int=1)]), COMMIT])
    database.run([ROLLBACK])
    assert count(database) == 0


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("INSERT INTO brand VALUES (gen_random_uuid(), NULL, '', 1, now())", "name"),
        ("INSERT INTO stock VALUES (gen_random_uuid(), 1, 1)", "stock_of_a_product"),
        (
            "INSERT INTO point_account VALUES (gen_random_uuid(), -1, 'KRW', 1)",
            "points_not_negative",
        ),
        ("SELECT require(1 = 2, 'one_is_two')", "one_is_two"),
    ],
)
def test_a_violated_constraint_is_named(database: Database, sql: str, rule: str) -> None:
    with pytest.raises(ConstraintViolated) as violated:
        run(database, sql)
    assert violated.value.name == rule


def test_a_lock_time_out_is_busy(database: Database, own_database_url: str) -> None:
    run(database, "SET lock_timeout = '10ms'")
    with held_by_another(own_database_url, "LOCK TABLE brand"), pytest.raises(Busy):
        count(database)
    assert count(database) == 0


def test_a_statement_that_takes_too_long_is_busy(database: Database) -> None:
    run(database, "SET statement_timeout = '10ms'")
    with pytest.raises(Busy):
        run(database, "SELECT pg_sleep(30)")


def test_nothing_is_sent_when_no_time_is_left(database: Database) -> None:
    count(database)
    with answering_within(0), pytest.raises(Unavailable):
        run(database, ADD, uuid4())
    assert database.is_open
    assert count(database) == 0


def test_the_server_works_no_longer_than_the_invocation(
    database: Database, own_database_url: str
) -> None:
    [before] = run(database, "SELECT pg_backend_pid() AS pid")
    with held_by_another(own_database_url, "LOCK TABLE brand"):
        for began in ([BEGIN], []):
            with answering_within(4), pytest.raises(Busy):
                database.run([*began, Query(ADD, [uuid4()])])
            if began:
                database.run([ROLLBACK])
    assert run(database, "SELECT pg_backend_pid() AS pid") == [before]
    assert run(database, "SELECT current_setting('statement_timeout') AS n")[0].n == "5s"
    assert count(database) == 0


@pytest.mark.parametrize("seconds", [4, 60], ids=["little", "enough"])
def test_reads_of_one_moment_are_made_however_much_time_is_left(
    database: Database, seconds: float
) -> None:
    level = Query("SELECT current_setting('transaction_isolation') AS level")
    with UnitOfWork(database) as uow, answering_within(seconds):
        first, second = uow.read_snapshot(level, Query("SELECT 2 AS number"))
        assert (first[0].level, second[0].number) == ("repeatable read", 2)
        [row] = uow.read(level)
    assert row.level == "read committed"


def test_reads_of_one_moment_do_not_end_a_transaction_with_locks(database: Database) -> None:
    with UnitOfWork(database) as uow:
        uow.lock(Query("SELECT 1 AS one"))
        with pytest.raises(RuntimeError):
            uow.read_snapshot(Query("SELECT 2 AS number"))


@pytest.mark.parametrize("size", [1, 1_000_000], ids=["small", "large"])
def test_silence_is_found_by_the_probe_whatever_the_size(
    own_database_url: str, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(pipeline, "PROBE_SECONDS", PROBE_SECONDS)
    with black_hole(own_database_url) as hole:
        database = Database(lambda: hole.url)
        run(database, "SELECT 1")
        hole.swallow()
        with answering_within(9), pytest.raises(ConnectionLost):
            run(database, "SELECT length($1::text)", "x" * size)
        assert run(database, "SELECT 1 AS n")[0].n == 1
        database.close()


def test_a_session_that_was_given_up_is_ended(
    own_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with black_hole(own_database_url) as hole, an_observer(own_database_url) as look:
        database = Database(lambda: hole.url)
        _, [lost] = database.run([BEGIN, Query("SELECT pg_backend_pid() AS pid")])
        hole.swallow()
        monkeypatch.setattr(pipeline, "PROBE_SECONDS", 0.2)
        with pytest.raises(ConnectionLost):
            database.run([COMMIT], in_transaction=True)
        monkeypatch.undo()
        sessions = "SELECT pid FROM pg_stat_activity WHERE pid = $1"
        assert look(sessions, lost.pid)
        run(database, "SELECT 1")
        assert not look(sessions, lost.pid)
        database.close()


def test_each_session_that_was_given_up_is_ended_though_the_next_one_is_lost_too(
    own_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_together = pipeline.Connection.run_together

    def unanswered(self: pipeline.Connection, queries: Sequence[Query]) -> list[list[Any]]:
        if any("pg_terminate_backend" in each.sql for each in queries):
            monkeypatch.setattr(pipeline.Connection, "run_together", run_together)
            raise TimeoutError
        return run_together(self, queries)

    with black_hole(own_database_url) as hole, an_observer(own_database_url) as look:
        database = Database(lambda: hole.url)
        _, [first] = database.run([BEGIN, Query("SELECT pg_backend_pid() AS pid")])
        hole.swallow()
        monkeypatch.setattr(pipeline, "PROBE_SECONDS", 0.2)
        with pytest.raises(ConnectionLost):
            database.run([COMMIT], in_transaction=True)
        monkeypatch.setattr(pipeline.Connection, "run_together", unanswered)
        with pytest.raises(ConnectionLost):
            run(database, "SELECT 1")
        monkeypatch.undo()
        run(database, "SELECT 1")
        assert not look("SELECT 1 FROM pg_stat_activity WHERE pid = $1", first.pid)
        database.close()


def test_every_connection_sets_the_time_outs(database: Database) -> None:
    found = run(
        database,
        "SELECT current_setting('lock_timeout') AS lock_,"
        " current_setting('statement_timeout') AS statement",
    )
    assert [tuple(row) for row in found] == [("3s", "5s")]


def test_a_serialization_failure_is_a_conflict(database: Database, own_database_url: str) -> None:
    run(database, ADD, UUID(int=1))
    database.run([Query("BEGIN ISOLATION LEVEL REPEATABLE READ"), Query("SELECT 1 FROM brand")])
    with an_observer(own_database_url) as look:
        look("UPDATE brand SET name = 'Other'")
    with pytest.raises(Contention):
        run(database, "UPDATE brand SET name = 'Mine'")
    database.run([ROLLBACK])


def kill(database: Database, url: str) -> None:
    """End the connection at the server, as a failover does."""
    [row] = run(database, "SELECT pg_backend_pid() AS pid")
    with an_observer(url) as look:
        look("SELECT pg_terminate_backend($1, 5000)", row.pid)


def test_a_connection_that_breaks_is_unavailable_and_replaced(
    database: Database, own_database_url: str
) -> None:
    kill(database, own_database_url)
    with pytest.raises(Unavailable):
        count(database)
    assert not database.is_open
    assert count(database) == 0


def test_a_connection_that_was_idle_is_checked_before_it_is_used(
    database: Database, own_database_url: str
) -> None:
    kill(database, own_database_url)
    database._used_at -= IDLE_SECONDS + 1
    assert count(database) == 0


def test_a_lock_that_was_lost_while_idle_commits_nothing(
    database: Database, own_database_url: str
) -> None:
    with UnitOfWork(database) as uow:
        uow.lock(Query("SELECT 1 FROM brand FOR UPDATE"))
        kill(database, own_database_url)
        database._used_at -= IDLE_SECONDS + 1
        uow.write(Query(ADD, [uuid4()]))
        with pytest.raises(Unavailable):
            uow.commit()
    assert count(database) == 0


def test_a_lock_that_was_lost_commits_nothing(database: Database, own_database_url: str) -> None:
    with UnitOfWork(database) as uow:
        uow.lock(Query("SELECT 1 FROM brand FOR UPDATE"))
        kill(database, own_database_url)
        uow.write(Query(ADD, [uuid4()]))
        with pytest.raises(Unavailable):
            uow.commit()
    assert count(database) == 0


def test_a_transaction_whose_loss_was_ignored_commits_nothing(
    database: Database, own_database_url: str
) -> None:
    with UnitOfWork(database) as uow:
        uow.lock(Query("SELECT 1 FROM brand FOR UPDATE"))
        kill(database, own_database_url)
        with pytest.raises(Unavailable):
            uow.read(Query("SELECT 1"))
        uow.write(Query(ADD, [uuid4()]))
        with pytest.raises(Unavailable):
            uow.commit()
    assert count(database) == 0


def test_an_unreachable_server_is_unavailable() -> None:
    url = f"postgresql://user:secret@{LOOPBACK}:{Ports.free().postgres}/lastunit"
    with pytest.raises(Unavailable) as refused:
        count(Database(lambda: url))
    assert "secret" not in str(refused.value)


def test_a_wrong_password_is_unavailable_and_not_shown(own_database_url: str) -> None:
    before, after = own_database_url.split("@")
    url = f"{before.rsplit(':', 1)[0]}:wr%2Fong@{after}"
    with pytest.raises(Unavailable) as refused:
        count(Database(lambda: url))
    assert "ong" not in str(refused.value)


def test_a_value_that_cannot_be_sent_leaves_no_partial_message(database: Database) -> None:
    with pytest.raises(UnicodeEncodeError):
        database.run([Query(ADD, [uuid4()]), Query("SELECT $1::text", ["\ud800"])])
    assert count(database) == 0


def test_a_long_write_set_is_sent_completely(database: Database) -> None:
    database.run([Query(ADD, [UUID(int=number)]) for number in range(500)])
    assert count(database) == 500


def test_closing_twice_is_harmless(database: Database) -> None:
    count(database)
    database.close()
    database.close()
    assert not database.is_open


def lasting(sql: str, *values: object) -> Query:
    return Query(sql, values, is_lasting=True)


def prepared(database: Database) -> list[str]:
    return [row.sql for row in run(database, "SELECT statement AS sql FROM pg_prepared_statements")]


def test_a_repeated_statement_is_parsed_once(database: Database) -> None:
    double = lasting("SELECT 2 * $1::int AS n, $2::text AS word", 1, "a")
    for number in (1, 2, 3):
        query = double._replace(values=(number, None))
        assert database.run([query, query]) == [[(2 * number, None)]] * 2
    assert prepared(database) == [double.sql]
    assert run(database, "SELECT 1 AS one")[0].one == 1
    assert prepared(database) == [double.sql]


def test_a_statement_left_unparsed_by_an_error_is_parsed_later(database: Database) -> None:
    first, failing, last = (
        lasting("SELECT 1 AS n"),
        lasting("SELECT 1 / 0"),
        lasting("SELECT 2 AS n"),
    )
    for _ in range(2):
        with pytest.raises(InvalidData):
            database.run([first, failing, last])
    assert database.run([last, first]) == [[(2,)], [(1,)]]
    assert sorted(prepared(database)) == sorted([first.sql, failing.sql, last.sql])


def test_a_value_that_cannot_be_sent_prepares_nothing(database: Database) -> None:
    echo = "SELECT $1::text AS word"
    with pytest.raises(UnicodeEncodeError):
        database.run([lasting(echo, "\ud800")])
    assert database.run([lasting(echo, "a")]) == [[("a",)]]


def test_a_connection_keeps_a_bounded_number_of_statements(database: Database) -> None:
    for number in range(MAX_PREPARED + 10):
        assert database.run([lasting(f"SELECT {number} AS n")]) == [[(number,)]]
    assert len(prepared(database)) == MAX_PREPARED


@pytest.mark.parametrize(
    "change", ["ALTER TABLE brand ADD COLUMN more text", "DEALLOCATE ALL"], ids=["schema", "gone"]
)
def test_an_outdated_prepared_statement_is_a_conflict(database: Database, change: str) -> None:
    look = lasting("SELECT * FROM brand")
    database.run([look])
    run(database, change)
    with pytest.raises(Contention):
        database.run([look])
    assert database.run([look]) == [[]]


def test_a_transaction_whose_plan_is_outdated_commits_nothing(database: Database) -> None:
    look = lasting("SELECT * FROM brand")
    database.run([look])
    run(database, "ALTER TABLE brand ADD COLUMN more text")
    with UnitOfWork(database) as uow:
        uow.lock(Query("SELECT 1"))
        uow.write(Query("INSERT INTO brand VALUES ($1, 'Acme', '', 1, now())", [uuid4()]))
        uow.write(look)
        with pytest.raises(Contention):
            uow.commit()
    assert count(database) == 0
