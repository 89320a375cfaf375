"""Operators at the same letters: whoever has one in hand deals with it, the others do not."""

from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest

from commerce.app.operations import dead_letters
from tests.support.desk import a_desk, discard, list_dead_letters, redrive
from tests.support.lambda_calls import Answer
from tests.support.letters import DeadQueue, an_order_letter
from tests.support.shop import rows
from tests.support.threads import run_together

pytestmark = pytest.mark.usefixtures("shop_environment")

OPERATORS = 6


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> DeadQueue:
    return a_desk(monkeypatch)


def acts_upon(message_id: str) -> int:
    """How many times the audit has it."""
    sql = "SELECT count(*) AS n FROM ops_audit WHERE message_id = $1"
    return int(rows(sql, message_id)[0].n)


def test_a_letter_that_many_redrive_at_once_is_sent_once(dead: DeadQueue) -> None:
    body = an_order_letter("o-1")
    [id_] = dead.fill(body)

    answers = run_together([partial(redrive, [id_])] * OPERATORS)

    assert [each.status for each in answers] == [200] * OPERATORS
    assert sum(len(each.json["done"]) for each in answers) == 1
    assert sum(len(each.json["not_found"]) for each in answers) == OPERATORS - 1
    assert (dead.bodies(), dead.letters()) == (Counter([body]), Counter())
    assert acts_upon(id_) == 1


def test_a_queue_that_many_empty_at_once_loses_no_letter_and_sends_none_twice(
    dead: DeadQueue,
) -> None:
    bodies = [an_order_letter(f"o-{n}") for n in range(60)]
    ids = dead.fill(*bodies)

    answers = run_together([partial(redrive, "all")] * OPERATORS)

    done = [id_ for each in answers for id_ in each.json["done"]]
    assert sorted(done) == sorted(ids)
    assert (dead.bodies(), dead.letters()) == (Counter(bodies), Counter())


def test_a_queue_that_hands_a_letter_to_several_loses_none(
    dead: DeadQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQS may, now and then: who consumes claims, so that being sent twice changes nothing."""
    monkeypatch.setattr(dead_letters, "VISIBILITY_SECONDS", 0)
    bodies = [an_order_letter(f"o-{n}") for n in range(20)]
    ids = dead.fill(*bodies)

    answers = run_together([partial(redrive, "all")] * OPERATORS)

    assert [each.status for each in answers] == [200] * OPERATORS
    assert {id_ for each in answers for id_ in each.json["done"]} == set(ids)
    assert (set(dead.bodies()), dead.letters()) == (set(bodies), Counter())


def test_a_letter_is_sent_back_or_discarded_never_both(dead: DeadQueue) -> None:
    body = an_order_letter("o-1")
    [id_] = dead.fill(body)

    sent, thrown = run_together([partial(redrive, [id_]), partial(discard, [id_], "no longer")])

    assert sorted([sent.json["done"], thrown.json["done"]]) == [[], [id_]]
    assert dead.bodies() == (Counter([body]) if sent.json["done"] else Counter())
    assert dead.letters() == Counter()


def test_who_looks_on_hides_no_letter_from_who_acts(dead: DeadQueue) -> None:
    """A page that is looked at every few seconds has letters in hand for moments."""
    bodies = [an_order_letter(f"o-{n}") for n in range(8)]
    ids = dead.fill(*bodies)

    calls: list[Callable[[], Answer]] = [*[list_dead_letters] * OPERATORS, partial(redrive, ids)]

    acted = run_together(calls)[-1]

    assert (sorted(acted.json["done"]), acted.json["not_found"]) == (sorted(ids), [])
    assert (dead.bodies(), dead.letters()) == (Counter(bodies), Counter())
