"""One transaction: its statements, their order, its round trips and its errors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar
from uuid import uuid4

import pytest

from commerce.runtime.db.connection import BEGIN_SNAPSHOT, ConstraintViolated, Contention
from commerce.runtime.db.pipeline import Query, Row
from commerce.runtime.db.unit_of_work import ClaimFirst, Precondition, UnitOfWork
from commerce.shared.errors import Busy, CommerceError, Kind, Unavailable
from commerce.shared.events import Event
from tests.support.fake_database import FakeDatabase

READ, LOCK = Query("SELECT 1"), Query("SELECT FOR UPDATE")
CLAIM, WRITE, SECOND, HOT = Query("CLAIM"), Query("WRITE"), Query("SECOND"), Query("HOT")
BEGIN, COMMIT, ROLLBACK = "BEGIN", "COMMIT", "ROLLBACK"


class WallIsWet(CommerceError):
    """The wall is wet."""

    kind = Kind.CONFLICT
    code = "WALL_IS_WET"


@dataclass(frozen=True, slots=True, kw_only=True)
class Painted(Event):
    source: ClassVar[str] = "commerce.test"

    colour: str


def painted(colour: str = "red") -> Painted:
    return Painted(aggregate_id=uuid4(), aggregate_version=1, colour=colour)


@pytest.fixture
def database() -> FakeDatabase:
    return FakeDatabase()


def test_all_writes_are_one_round_trip_claims_first_and_hot_rows_last(
    database: FakeDatabase,
) -> None:
    with UnitOfWork(database) as uow:
        uow.write_last(HOT, on_violation={})
        uow.record(painted())
        uow.write(WRITE)
        uow.record(painted())
        uow.claim(CLAIM, {})
        uow.write(SECOND)
        assert database.runs == []
        uow.commit()
    [batch] = database.sent
    assert batch[:3] == ["CLAIM", "WRITE", "SECOND"]
    assert batch[3].startswith("INSERT INTO outbox")
    assert batch[4:] == ["HOT"]


def test_all_events_are_one_statement_in_their_order(database: FakeDatabase) -> None:
    with UnitOfWork(database) as uow:
        for colour in ("red", "green", "blue"):
            uow.record(painted(colour))
        uow.commit()
    [[query]] = database.runs
    [rows] = query.values
    assert [rows.index(colour) for colour in ("red", "green", "blue")] == sorted(
        rows.index(colour) for colour in ("red", "green", "blue")
    )


def test_several_contended_statements_keep_their_order(database: FakeDatabase) -> None:
    with UnitOfWork(database) as uow:
        uow.write_last(LOCK, HOT, on_violation={})
        uow.write_last(Query("HOTTER"), on_violation={})
        uow.commit()
    assert database.sent == [["SELECT FOR UPDATE", "HOT", "HOTTER"]]


def test_without_a_lock_nothing_opens_a_transaction(database: FakeDatabase) -> None:
    with UnitOfWork(database) as uow:
        uow.read(READ)
        uow.write(WRITE)
        uow.commit()
    assert database.sent == [["SELECT 1"], ["WRITE"]]


def test_a_lock_opens_the_transaction_that_the_commit_ends(database: FakeDatabase) -> None:
    with UnitOfWork(database) as uow:
        uow.lock(LOCK)
        uow.lock(LOCK)
        uow.write(WRITE)
        uow.write_last(HOT, on_violation={})
        uow.commit()
    assert database.sent == [
        [BEGIN, "SELECT FOR UPDATE"],
        ["SELECT FOR UPDATE"],
        ["WRITE", "HOT", COMMIT],
    ]


def test_a_lock_returns_the_rows_of_its_last_statement() -> None:
    database = FakeDatabase(lambda query: [query.sql])
    with UnitOfWork(database) as uow:
        assert uow.lock(READ, LOCK) == ["SELECT FOR UPDATE"]
        assert uow.read(READ) == ["SELECT 1"]
        assert uow.read_together(READ, LOCK) == [["SELECT 1"], ["SELECT FOR UPDATE"]]


def test_a_lock_without_writes_is_released_by_the_commit(database: FakeDatabase) -> None:
    with UnitOfWork(database) as uow:
        uow.lock(LOCK)
        uow.commit()
    assert database.sent == [[BEGIN, "SELECT FOR UPDATE"], [COMMIT]]


def test_a_commit_without_writes_sends_nothing(database: FakeDatabase) -> None:
    with UnitOfWork(database) as uow:
        uow.commit()
    with UnitOfWork(database):
        pass
    assert database.runs == []


def test_uncommitted_writes_are_not_sent(database: FakeDatabase) -> None:
    with UnitOfWork(database) as uow:
        uow.claim(CLAIM, {})
        uow.write(WRITE)
        uow.record(painted())
        uow.write_last(HOT, on_violation={})
    assert database.runs == []


def test_leaving_without_a_commit_rolls_back(database: FakeDatabase) -> None:
    with UnitOfWork(database) as uow:
        uow.lock(LOCK)
        uow.write(WRITE)
    assert database.sent == [[BEGIN, "SELECT FOR UPDATE"], [ROLLBACK]]


def leave_by(database: FakeDatabase, error: BaseException) -> None:
    with UnitOfWork(database) as uow:
        uow.lock(LOCK)
        uow.write(WRITE)
        raise error


@pytest.mark.parametrize("error", [WallIsWet(), ValueError(), KeyboardInterrupt()])
def test_leaving_by_an_error_rolls_back(database: FakeDatabase, error: BaseException) -> None:
    with pytest.raises(type(error)):
        leave_by(database, error)
    assert database.sent == [[BEGIN, "SELECT FOR UPDATE"], [ROLLBACK]]


def test_a_rollback_is_sent_once(database: FakeDatabase) -> None:
    with UnitOfWork(database) as uow:
        uow.lock(LOCK)
        uow.rollback()
        uow.rollback()
    assert database.sent == [[BEGIN, "SELECT FOR UPDATE"], [ROLLBACK]]


@pytest.mark.parametrize("failure", [Busy(), Unavailable(), ValueError("aborted")])
def test_a_failed_rollback_closes_the_connection(
    database: FakeDatabase, failure: Exception
) -> None:
    database.fail(None, failure)
    with pytest.raises(WallIsWet):
        leave_by(database, WallIsWet())
    assert database.sent == [[BEGIN, "SELECT FOR UPDATE"], [ROLLBACK]]
    assert not database.is_open


def test_a_failed_lock_is_rolled_back(database: FakeDatabase) -> None:
    database.fail(Busy())
    with pytest.raises(Busy), UnitOfWork(database) as uow:
        uow.lock(LOCK)
    assert database.sent == [[BEGIN, "SELECT FOR UPDATE"], [ROLLBACK]]


def commit_refused(
    database: FakeDatabase, *, under_lock: bool = False, **on_violation: object
) -> None:
    factories = {name: factory_of(error) for name, error in on_violation.items()}
    with UnitOfWork(database) as uow:
        if under_lock:
            uow.lock(LOCK)
        uow.write(WRITE, factories)
        uow.commit()


def factory_of(error: object) -> Callable[[], CommerceError | None]:
    def make_error() -> CommerceError | None:
        assert error is None or isinstance(error, CommerceError)
        return error

    return make_error


def test_a_violated_constraint_becomes_the_writers_error(database: FakeDatabase) -> None:
    database.fail(ConstraintViolated("wall_dry"))
    with pytest.raises(WallIsWet) as refused:
        commit_refused(database, wall_dry=WallIsWet(), other_rule=Busy())
    assert isinstance(refused.value.__cause__, ConstraintViolated)
    assert database.sent == [["WRITE"]]


def test_a_refusal_whose_reason_is_gone_is_a_conflict(database: FakeDatabase) -> None:
    database.fail(ConstraintViolated("wall_dry"))
    with pytest.raises(Contention, match="wall_dry"):
        commit_refused(database, wall_dry=None)


def test_an_unexplained_violation_stays_an_internal_error(database: FakeDatabase) -> None:
    database.fail(ConstraintViolated("order_line_fkey"))
    with pytest.raises(ConstraintViolated, match="order_line_fkey"):
        commit_refused(database, wall_dry=WallIsWet())


@pytest.mark.parametrize("way", ["claim", "write", "write_last"])
def test_each_kind_of_write_maps_its_violations_to_errors(database: FakeDatabase, way: str) -> None:
    database.fail(ConstraintViolated("wall_dry"))
    with UnitOfWork(database) as uow:
        if way == "claim":
            uow.claim(CLAIM, {"wall_dry": WallIsWet})
        elif way == "write":
            uow.write(WRITE, {"wall_dry": WallIsWet})
        else:
            uow.write_last(HOT, on_violation={"wall_dry": WallIsWet})
        with pytest.raises(WallIsWet):
            uow.commit()


def test_the_reason_is_read_after_the_locks_are_released(database: FakeDatabase) -> None:
    database.fail(None, ConstraintViolated("wall_dry"))

    def look_again() -> WallIsWet:
        uow.read(READ)
        return WallIsWet()

    with UnitOfWork(database) as uow:
        uow.lock(LOCK)
        uow.write(WRITE, {"wall_dry": look_again})
        with pytest.raises(WallIsWet):
            uow.commit()
    assert database.sent == [
        [BEGIN, "SELECT FOR UPDATE"],
        ["WRITE", COMMIT],
        [ROLLBACK],
        ["SELECT 1"],
    ]


@pytest.mark.parametrize("failure", [Busy(), Contention("deadlock"), ValueError("a fault")])
def test_other_failures_of_a_commit_pass_through_and_roll_back(
    database: FakeDatabase, failure: Exception
) -> None:
    database.fail(None, failure)
    with pytest.raises(type(failure)):
        commit_refused(database, under_lock=True, wall_dry=WallIsWet())
    assert database.sent == [[BEGIN, "SELECT FOR UPDATE"], ["WRITE", COMMIT], [ROLLBACK]]


def test_a_broken_connection_gets_no_rollback(database: FakeDatabase) -> None:
    with UnitOfWork(database) as uow:
        uow.lock(LOCK)
        database.fail(Unavailable())
        database.close()
        with pytest.raises(Unavailable):
            uow.read(READ)
    assert database.sent == [[BEGIN, "SELECT FOR UPDATE"], ["SELECT 1"]]


def test_a_transaction_knows_whether_it_recorded_events(database: FakeDatabase) -> None:
    silent, recording, moving = UnitOfWork(database), UnitOfWork(database), UnitOfWork(database)
    silent.write(WRITE)
    recording.record(painted())
    moving.write_last(HOT, on_violation={})  # stock movements store their events in SQL
    assert [uow.has_new_events for uow in (silent, recording, moving)] == [False, False, False]
    for uow in (silent, recording, moving):
        uow.commit()
    assert [uow.has_new_events for uow in (silent, recording, moving)] == [False, True, True]


def test_units_of_work_share_nothing(database: FakeDatabase) -> None:
    one, other = UnitOfWork(database), UnitOfWork(database)
    one.write(WRITE, {"wall_dry": WallIsWet})
    other.commit()
    assert database.runs == []


def test_a_second_commit_sends_only_new_writes(database: FakeDatabase) -> None:
    with UnitOfWork(database) as uow:
        uow.write(WRITE)
        uow.commit()
        uow.write(SECOND)
        uow.commit()
    assert database.sent == [["WRITE"], ["SECOND"]]


FAST = Query("FAST")


def test_a_fallback_write_first_tries_the_faster_statement(database: FakeDatabase) -> None:
    with UnitOfWork(database) as uow:
        uow.write(WRITE)
        uow.write_last(LOCK, HOT, on_violation={})
        uow.with_fallback(FAST, unless="wall_wide")
        uow.commit()
    assert database.sent == [["WRITE", "FAST"]]
    assert uow.has_new_events


def test_a_refused_faster_statement_sends_everything_again(database: FakeDatabase) -> None:
    database.fail(ConstraintViolated("wall_wide"))
    with UnitOfWork(database) as uow:
        uow.write(WRITE)
        uow.write_last(LOCK, HOT, on_violation={})
        uow.with_fallback(FAST, unless="wall_wide")
        uow.commit()
    assert database.sent == [["WRITE", "FAST"], ["WRITE", LOCK.sql, "HOT"]]


@pytest.mark.parametrize("failures", [["wall_dry"], ["wall_wide", "wall_dry"]])
def test_either_statement_may_be_refused_for_good(
    database: FakeDatabase, failures: list[str]
) -> None:
    database.fail(*map(ConstraintViolated, failures))
    with UnitOfWork(database) as uow:
        uow.write_last(HOT, on_violation={"wall_dry": WallIsWet})
        uow.with_fallback(FAST, unless="wall_wide")
        with pytest.raises(WallIsWet):
            uow.commit()
    assert database.sent == [["FAST"], ["HOT"]][: len(failures)]


def test_under_a_lock_the_faster_statement_is_not_tried(database: FakeDatabase) -> None:
    with UnitOfWork(database) as uow:
        uow.lock(LOCK)
        uow.write_last(HOT, on_violation={})
        uow.with_fallback(FAST, unless="wall_wide")
        uow.commit()
    assert database.sent == [[BEGIN, LOCK.sql], ["HOT", COMMIT]]


ALIVE = Query("SELECT require(alive)")


def a_precondition(refusal: CommerceError | None = None) -> Precondition:
    return Precondition(ALIVE, "session_alive", lambda: refusal)


def test_a_precondition_is_sent_with_the_first_batch_and_never_again() -> None:
    database, first = FakeDatabase(lambda query: [query.sql]), a_precondition()
    with UnitOfWork(database, first) as uow:
        assert uow.read(READ) == [READ.sql]
        uow.read(READ)
        uow.write(WRITE)
        uow.commit()
    with UnitOfWork(database, first) as uow:
        uow.read(READ)
    assert database.sent == [[ALIVE.sql, READ.sql], [READ.sql], [WRITE.sql], [READ.sql]]
    assert first.is_met


def test_a_precondition_comes_after_the_begin_of_a_locking_batch() -> None:
    database = FakeDatabase(lambda query: [query.sql])
    with UnitOfWork(database, a_precondition()) as uow:
        assert uow.lock(READ) == [READ.sql]
        uow.commit()
    assert database.sent == [["BEGIN", ALIVE.sql, READ.sql], ["COMMIT"]]


def test_a_precondition_is_checked_before_writes_that_nothing_was_read_for() -> None:
    database = FakeDatabase()
    with UnitOfWork(database, a_precondition()) as uow:
        uow.write(WRITE)
        uow.commit()
    assert database.sent == [[ALIVE.sql, WRITE.sql]]


@pytest.mark.parametrize("locks", [True, False])
def test_a_violated_precondition_is_refused_by_its_own_error(*, locks: bool) -> None:
    database, first = FakeDatabase(), a_precondition(Busy())
    database.fail(ConstraintViolated("session_alive"))
    with pytest.raises(Busy), UnitOfWork(database, first) as uow:
        (uow.lock if locks else uow.read)(READ)
    assert not first.is_met


def test_another_violation_in_the_first_batch_is_not_the_preconditions() -> None:
    database, first = FakeDatabase(), a_precondition(Busy())
    database.fail(ConstraintViolated("stock_not_negative"))
    with pytest.raises(ConstraintViolated), UnitOfWork(database, first) as uow:
        uow.read(READ)
    assert not first.is_met


CHECK = Query("CHECK")


@pytest.mark.parametrize(
    ("failures", "sent"),
    [
        ([], [["WRITE", "FAST", "CHECK"]]),
        (["wall_wide"], [["WRITE", "FAST", "CHECK"], ["WRITE", "HOT", "CHECK"]]),
    ],
)
def test_a_check_follows_whichever_last_writes_are_sent(
    database: FakeDatabase, failures: list[str], sent: list[list[str]]
) -> None:
    database.fail(*map(ConstraintViolated, failures))
    with UnitOfWork(database) as uow:
        uow.check_last(CHECK, {})
        uow.write(WRITE)
        uow.write_last(HOT, on_violation={})
        uow.with_fallback(FAST, unless="wall_wide")
        uow.commit()
    assert database.sent == sent


def test_a_violated_check_is_explained(database: FakeDatabase) -> None:
    database.fail(ConstraintViolated("wall_dry"))
    with UnitOfWork(database) as uow:
        uow.write_last(HOT, on_violation={})
        uow.check_last(CHECK, {"wall_dry": WallIsWet})
        with pytest.raises(WallIsWet):
            uow.commit()
    assert database.sent == [["HOT", "CHECK"]]


def test_a_check_under_a_lock_precedes_the_commit(database: FakeDatabase) -> None:
    with UnitOfWork(database) as uow:
        uow.lock(LOCK)
        uow.check_last(CHECK, {})
        uow.commit()
    assert database.sent == [[BEGIN, LOCK.sql], ["CHECK", COMMIT]]


# --- reads ahead, and a claim that comes first ---------------------------------------------------

OTHER_READ, FIND, INSERT = Query("SELECT 2"), Query("FIND"), Query("INSERT")


def numbered(query: Query) -> list[Row]:
    """Answer each read with its own text."""
    return [] if query == FIND else [(query.sql,)]


def test_what_was_read_ahead_is_read_once_without_a_round_trip() -> None:
    database = FakeDatabase(numbered)
    with UnitOfWork(database) as uow:
        uow.read_ahead(READ, OTHER_READ)
        assert uow.read(OTHER_READ) == [(OTHER_READ.sql,)]
        assert uow.read(READ) == [(READ.sql,)]
        assert database.sent == [[READ.sql, OTHER_READ.sql]]
        uow.read(READ)  # a second look is a fresh one
    assert database.sent[1:] == [[READ.sql]]


def test_several_reads_send_only_what_was_not_read_ahead() -> None:
    database = FakeDatabase(numbered)
    with UnitOfWork(database) as uow:
        uow.read_ahead(READ)
        rows = uow.read_together(OTHER_READ, READ)
    assert rows == [[(OTHER_READ.sql,)], [(READ.sql,)]]
    assert database.sent == [[READ.sql], [OTHER_READ.sql]]


@pytest.mark.parametrize("ending", [lambda uow: uow.lock(LOCK), lambda uow: uow.rollback()])
def test_nothing_read_ahead_outlives_a_lock_or_a_rollback(
    ending: Callable[[UnitOfWork], object],
) -> None:
    database = FakeDatabase(numbered)
    with UnitOfWork(database) as uow:
        uow.read_ahead(READ)
        ending(uow)
        uow.read(READ)
    assert [each for each in database.sent if each == [READ.sql]] == [[READ.sql]] * 2


def test_what_was_locked_ahead_is_locked_and_read_once_without_a_round_trip() -> None:
    database = FakeDatabase(numbered)
    with UnitOfWork(database) as uow:
        uow.lock_ahead(LOCK, READ, OTHER_READ)
        assert uow.lock(LOCK, READ) == [(READ.sql,)]
        assert uow.read(OTHER_READ) == [(OTHER_READ.sql,)]
        assert database.sent == [[BEGIN, LOCK.sql, READ.sql, OTHER_READ.sql]]
        uow.lock(LOCK)  # a second look is a fresh one
        assert database.sent[1:] == [[LOCK.sql]]


def test_a_lock_that_was_not_taken_ahead_is_sent_with_all_its_reads() -> None:
    database = FakeDatabase(numbered)
    with UnitOfWork(database) as uow:
        uow.lock_ahead(LOCK, READ)
        assert uow.lock(OTHER_READ, READ) == [(READ.sql,)]
    assert database.sent[:2] == [[BEGIN, LOCK.sql, READ.sql], [OTHER_READ.sql, READ.sql]]


def test_nothing_locked_ahead_outlives_another_lock() -> None:
    database = FakeDatabase(numbered)
    with UnitOfWork(database) as uow:
        uow.lock_ahead(LOCK, READ)
        uow.lock(OTHER_READ)
        uow.read(READ)
    assert database.sent[1:3] == [[OTHER_READ.sql], [READ.sql]]


def test_reads_of_one_moment_are_one_round_trip_and_leave_no_transaction() -> None:
    database = FakeDatabase(numbered)
    with UnitOfWork(database) as uow:
        rows = uow.read_snapshot(READ, OTHER_READ)
        assert rows == [[(READ.sql,)], [(OTHER_READ.sql,)]]
        uow.read(READ)
    assert database.sent == [[BEGIN_SNAPSHOT.sql, READ.sql, OTHER_READ.sql, COMMIT], [READ.sql]]


def test_reads_of_one_moment_that_fail_are_rolled_back() -> None:
    def fail(query: Query) -> list[Row]:
        if query == READ:
            raise Contention
        return []

    database = FakeDatabase(fail)
    with UnitOfWork(database) as uow, pytest.raises(Contention):
        uow.read_snapshot(READ)
    assert database.sent[-1] == ["ROLLBACK"]


def claimed_first(database: FakeDatabase) -> UnitOfWork:
    uow = UnitOfWork(database)

    def refuse(rows: Sequence[Row]) -> None:
        if rows:
            raise WallIsWet

    uow.claim_first(ClaimFirst(FIND, refuse, INSERT, {"done_once": WallIsWet}))
    return uow


def test_a_claim_is_looked_for_with_the_first_read_only(database: FakeDatabase) -> None:
    with claimed_first(database) as uow:
        uow.read(READ)
        uow.read(READ)
        assert not uow.is_claimed
    assert database.sent == [["FIND", READ.sql], [READ.sql]]


def test_a_claim_that_is_found_stops_the_work_at_its_first_read() -> None:
    database = FakeDatabase(lambda query: [("found",)] if query == FIND else [])
    with claimed_first(database) as uow, pytest.raises(WallIsWet):
        uow.read_ahead(READ)
    assert database.sent == [["FIND", READ.sql]]


def test_a_claim_is_made_before_the_first_lock_is_waited_for(database: FakeDatabase) -> None:
    with claimed_first(database) as uow:
        uow.lock(LOCK)
        assert uow.is_claimed
        uow.lock(LOCK)
        uow.commit()
    assert database.sent == [[BEGIN, "INSERT", LOCK.sql], [LOCK.sql], [COMMIT]]


def test_a_claim_that_another_made_is_refused_at_the_lock(database: FakeDatabase) -> None:
    database.fail(ConstraintViolated("done_once"))
    with claimed_first(database) as uow, pytest.raises(WallIsWet):
        uow.lock(LOCK)
    assert database.sent == [[BEGIN, "INSERT", LOCK.sql], [ROLLBACK]]


def test_a_claim_is_gone_with_its_rollback(database: FakeDatabase) -> None:
    with claimed_first(database) as uow:
        uow.lock(LOCK)
        uow.rollback()
        assert not uow.is_claimed
