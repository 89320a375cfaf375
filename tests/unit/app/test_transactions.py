"""Transactions of use cases: commit, retries, one effect per claim, and lost connections."""

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar
from uuid import uuid4

import pytest

from commerce.app import transactions
from commerce.app.shop import Shop
from commerce.app.transactions import ATTEMPTS, in_transaction, once
from commerce.brand import BrandFacade
from commerce.runtime import replay
from commerce.runtime.db.connection import ConnectionLost, ConstraintViolated, Contention
from commerce.runtime.db.pipeline import Query, Row
from commerce.runtime.idempotency import Claim, IdempotencyKeyReused
from commerce.shared.errors import Busy, CommerceError, Kind
from commerce.shared.events import Event
from commerce.shared.schemas import View
from tests.support.fake_database import FakeDatabase

CLAIM = Claim("painter POST /walls", "key-1234", "fingerprint")
PAINT = Query("UPDATE wall")


class WallIsWet(CommerceError):
    """The wall is wet."""

    kind = Kind.CONFLICT
    code = "WALL_IS_WET"


class WallView(View):
    colour: str


class Painted(Event):
    source: ClassVar[str] = "commerce.test"


class PaintFacade:
    """A facade that no Shop has."""

    def paint(self) -> None:
        raise AssertionError


def paint(shop: Shop, colour: str, *, error: Exception | None = None) -> WallView:
    shop.uow.write(PAINT)
    if error is not None:
        raise error
    return WallView(colour=colour)


def announce(shop: Shop) -> None:
    shop.uow.record(Painted(aggregate_id=uuid4(), aggregate_version=1))


def first_answer(**changed: str | None) -> Callable[[Query], list[Row]]:
    """Answer the search for the claim with a row, and everything else with nothing."""
    row = SimpleNamespace(
        **{"fingerprint": CLAIM.fingerprint, "answer": '{"colour": "red"}', **changed}
    )
    return lambda query: [row] if query.sql.startswith("SELECT once.") else []


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr("commerce.app.transactions.time.sleep", found.append)
    return found


@pytest.fixture
def nudges(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    found: list[int] = []
    monkeypatch.setattr(transactions, "_nudge_the_relay", lambda: found.append(1))
    return found


@pytest.fixture
def database(
    monkeypatch: pytest.MonkeyPatch, pauses: list[float], nudges: list[int]
) -> FakeDatabase:
    found = FakeDatabase()
    monkeypatch.setattr(transactions, "database", lambda: found)
    replay.reset()
    return found


def kinds(database: FakeDatabase) -> list[list[str]]:
    """The first words of what was sent."""
    return [[re.split(r"[ (.]", sql)[0] for sql in trip] for trip in database.sent]


def test_a_function_gets_the_shop_and_is_committed(
    database: FakeDatabase, nudges: list[int]
) -> None:
    assert in_transaction(paint, "red") == WallView(colour="red")
    assert database.sent == [[PAINT.sql]]
    assert nudges == []


def test_a_method_gets_the_facade_of_its_class(
    database: FakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = []

    def get(self: BrandFacade, brand_id: str) -> None:
        calls.append((type(self), brand_id))

    get.__qualname__ = "BrandFacade.get"
    in_transaction(get, "b1")
    assert calls == [(BrandFacade, "b1")]


def test_a_method_of_an_unknown_class_is_refused_by_name(database: FakeDatabase) -> None:
    with pytest.raises(TypeError, match=r"PaintFacade\.paint: the Shop has no PaintFacade"):
        in_transaction(PaintFacade.paint)
    assert database.runs == []


def test_an_error_of_the_use_case_sends_nothing(database: FakeDatabase) -> None:
    with pytest.raises(WallIsWet):
        in_transaction(paint, "red", error=WallIsWet())
    assert database.runs == []


def test_new_events_wake_the_relay_after_the_commit(
    database: FakeDatabase, nudges: list[int]
) -> None:
    in_transaction(announce)
    assert kinds(database) == [["INSERT"]]
    assert nudges == [1]


@pytest.mark.parametrize("failures", [0, 1, 2])
def test_a_lost_race_runs_again_from_its_reads(
    database: FakeDatabase, pauses: list[float], failures: int
) -> None:
    database.fail(*[Contention("deadlock")] * failures)
    assert in_transaction(paint, "red") == WallView(colour="red")
    assert len(database.runs) == len(pauses) + 1 == failures + 1
    assert all(0 <= pause <= 0.02 * 2**number for number, pause in enumerate(pauses))


def test_a_third_lost_race_is_busy(database: FakeDatabase, pauses: list[float]) -> None:
    database.fail(*[Contention("deadlock")] * ATTEMPTS)
    with pytest.raises(Busy):
        in_transaction(paint, "red")
    assert (len(database.runs), len(pauses)) == (3, 2)


def lose_the_connection_once(shop: Shop) -> None:
    shop.uow.read(Query("SELECT"))
    shop.uow.write(PAINT)


def test_a_connection_lost_before_the_commit_runs_again(database: FakeDatabase) -> None:
    database.fail(ConnectionLost())
    in_transaction(lose_the_connection_once)
    assert database.sent == [["SELECT"], ["SELECT"], [PAINT.sql]]


def test_a_connection_lost_at_the_commit_is_not_repeated_without_a_claim(
    database: FakeDatabase,
) -> None:
    database.fail(ConnectionLost())
    with pytest.raises(ConnectionLost):
        in_transaction(paint, "red")
    assert database.sent == [[PAINT.sql]]


def test_a_connection_lost_at_the_commit_is_repeated_under_the_claim(
    database: FakeDatabase,
) -> None:
    database.fail(ConnectionLost())
    assert once(CLAIM, paint, "red") == WallView(colour="red")
    assert kinds(database) == [["INSERT", "UPDATE"]] * 2
    assert not replay.is_replayed()


def test_a_commit_that_took_effect_unseen_is_answered_from_its_claim(
    database: FakeDatabase,
) -> None:
    database._answers = first_answer()
    database.fail(ConnectionLost(), ConstraintViolated("done_once"))
    assert once(CLAIM, paint, "green") == WallView(colour="red")
    assert kinds(database) == [["INSERT", "UPDATE"]] * 2 + [["SELECT"]]
    assert replay.is_replayed()


def test_the_answer_of_a_commit_that_was_lost_is_no_replay(database: FakeDatabase) -> None:
    database._answers = first_answer(answer='{"colour":"red"}')
    database.fail(ConnectionLost(), ConstraintViolated("done_once"))
    assert once(CLAIM, paint, "red") == WallView(colour="red")
    assert not replay.is_replayed()
    database.fail(ConstraintViolated("done_once"))
    assert once(CLAIM, paint, "red") == WallView(colour="red")
    assert replay.is_replayed()


def test_the_claim_goes_first_and_holds_the_answer(database: FakeDatabase) -> None:
    assert once(CLAIM, paint, "red") == WallView(colour="red")
    [[claim, write]] = database.runs
    assert claim.sql.startswith("INSERT INTO once")
    assert list(claim.values)[:4] == [CLAIM.scope, CLAIM.key, "fingerprint", '{"colour":"red"}']
    assert write == PAINT


def test_without_a_claim_every_call_runs(database: FakeDatabase) -> None:
    for colour in ("red", "green"):
        assert once(None, paint, colour) == WallView(colour=colour)
    assert database.sent == [[PAINT.sql]] * 2


# The second call finds the claim taken, or is refused because of what the first one has done.
@pytest.mark.parametrize("refusal", [None, WallIsWet()])
def test_a_second_call_gets_the_first_answer(
    database: FakeDatabase, refusal: WallIsWet | None
) -> None:
    database._answers = first_answer()
    database.fail(ConstraintViolated("done_once") if refusal is None else None)
    assert once(CLAIM, paint, "green", error=refusal) == WallView(colour="red")
    assert replay.is_replayed()


@pytest.mark.parametrize("refusal", [None, WallIsWet()])
def test_a_claim_of_another_request_is_refused(
    database: FakeDatabase, refusal: WallIsWet | None
) -> None:
    database._answers = first_answer(fingerprint="another")
    database.fail(ConstraintViolated("done_once") if refusal is None else None)
    with pytest.raises(IdempotencyKeyReused):
        once(CLAIM, paint, "green", error=refusal)
    assert not replay.is_replayed()


def test_a_refusal_without_a_first_answer_is_raised(database: FakeDatabase) -> None:
    with pytest.raises(WallIsWet):
        once(CLAIM, paint, "red", error=WallIsWet())
    assert not replay.is_replayed()


def test_a_claim_released_in_between_is_busy(database: FakeDatabase) -> None:
    database.fail(ConstraintViolated("done_once"))
    with pytest.raises(Busy):
        once(CLAIM, paint, "red")
