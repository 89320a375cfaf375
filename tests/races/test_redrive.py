"""Operators at the same dead letters: each is handled by the one that received it."""

from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest

from commerce.app.operations import dead_letters
from tests.support.dead_letters import DeadQueue, an_order_message
from tests.support.lambda_calls import Answer
from tests.support.operations import (
    a_console_queue,
    continue_redrive,
    discard,
    list_dead_letters,
    redrive,
)
from tests.support.shop import an_admin, rows
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment")

OPERATORS = 6


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> DeadQueue:
    return a_console_queue(monkeypatch)


def count_audited(message_id: str) -> int:
    """Count the audit's entries of a message."""
    sql = "SELECT count(*) AS n FROM ops_audit WHERE message_id = $1"
    return int(rows(sql, message_id)[0].n)


def test_a_dead_letter_that_six_operators_redrive_is_sent_once(dead: DeadQueue) -> None:
    body = an_order_message("o-1")
    [id_] = dead.fill(body)

    answers = run_concurrently([partial(redrive, [id_])] * OPERATORS)

    assert [each.status for each in answers] == [200] * OPERATORS
    assert sum(len(each.json["done"]) for each in answers) == 1
    assert sum(len(each.json["not_found"]) for each in answers) == OPERATORS - 1
    assert (dead.bodies(), dead.dead_letters()) == (Counter([body]), Counter())
    assert count_audited(id_) == 1


def test_dead_letters_that_six_operators_redrive_are_each_sent_once(
    dead: DeadQueue,
) -> None:
    bodies = [an_order_message(f"o-{n}") for n in range(60)]
    ids = dead.fill(*bodies)

    answers = run_concurrently([partial(redrive, "all")] * OPERATORS)

    done = [id_ for each in answers for id_ in each.json["done"]]
    assert sorted(done) == sorted(ids)
    assert (dead.bodies(), dead.dead_letters()) == (Counter(bodies), Counter())


def test_a_dead_letter_that_several_operators_receive_is_not_lost(
    dead: DeadQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQS may deliver to several; consumers are idempotent, so sending it twice is harmless."""
    monkeypatch.setattr(dead_letters, "VISIBILITY_SECONDS", 0)
    bodies = [an_order_message(f"o-{n}") for n in range(20)]
    ids = dead.fill(*bodies)

    answers = run_concurrently([partial(redrive, "all")] * OPERATORS)

    assert [each.status for each in answers] == [200] * OPERATORS
    assert {id_ for each in answers for id_ in each.json["done"]} == set(ids)
    assert (set(dead.bodies()), dead.dead_letters()) == (set(bodies), Counter())


def test_a_dead_letter_is_redriven_or_discarded_never_both(dead: DeadQueue) -> None:
    body = an_order_message("o-1")
    [id_] = dead.fill(body)

    redriven, discarded = run_concurrently(
        [partial(redrive, [id_]), partial(discard, [id_], "no longer")]
    )

    assert sorted([redriven.json["done"], discarded.json["done"]]) == [[], [id_]]
    assert dead.bodies() == (Counter([body]) if redriven.json["done"] else Counter())
    assert dead.dead_letters() == Counter()


def test_listing_dead_letters_hides_none_from_a_redrive(dead: DeadQueue) -> None:
    """The console lists them every few seconds, and so has received them for moments."""
    bodies = [an_order_message(f"o-{n}") for n in range(8)]
    ids = dead.fill(*bodies)

    calls: list[Callable[[], Answer]] = [*[list_dead_letters] * OPERATORS, partial(redrive, ids)]

    redriven = run_concurrently(calls)[-1]

    assert (sorted(redriven.json["done"]), redriven.json["not_found"]) == (sorted(ids), [])
    assert (dead.bodies(), dead.dead_letters()) == (Counter(bodies), Counter())


def test_one_redrive_that_is_continued_twice_at_once_sends_each_once(
    dead: DeadQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an answer that was lost, while its request goes on."""
    monkeypatch.setattr(dead_letters, "PART_SECONDS", -1.0)
    bodies, admin = [an_order_message(f"o-{n}") for n in range(60)], an_admin()
    dead.fill(*bodies)
    id_ = redrive("all", admin).json["redrive_id"]

    answers = run_concurrently([partial(continue_redrive, id_, admin)] * OPERATORS)

    assert {each.status for each in answers} <= {200, 202}
    while continue_redrive(id_, admin).status == 202:
        pass
    end = continue_redrive(id_, admin).json
    assert (end["state"], end["sent"]) == ("DONE", 60)
    assert (dead.bodies(), dead.dead_letters()) == (Counter(bodies), Counter())


def test_filtered_redrives_of_two_operators_at_once_send_each_once(dead: DeadQueue) -> None:
    bodies = [an_order_message(f"o-{n}") for n in range(60)]
    other = '{"detail": {"type": "OrderCancelled"}}'
    dead.fill(*bodies, other)

    answers = run_concurrently([partial(redrive, "all", kind="OrderConfirmed")] * OPERATORS)

    assert sum(len(each.json["done"]) for each in answers) == 60
    assert (dead.bodies(), dead.dead_letters()) == (Counter(bodies), Counter([other]))
