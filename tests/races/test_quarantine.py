"""Operators at the same quarantined event: one of them decides, and it is audited once."""

from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest

from tests.support.dead_letters import DeadQueue
from tests.support.lambda_calls import Answer
from tests.support.operations import a_console_queue, discard_event, requeue, restore
from tests.support.quarantine import a_quarantined_event, place_of
from tests.support.shop import rows
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("own_shop")

OPERATORS = 6
REASON = "The order was shipped by telephone"


@pytest.fixture(autouse=True)
def _dead(own_shop: str, monkeypatch: pytest.MonkeyPatch) -> DeadQueue:
    return a_console_queue(monkeypatch)


def audited(event_id: str) -> Counter[str]:
    """Count what the audits have of the event, by act."""
    of_messages = rows("SELECT action FROM ops_audit WHERE message_id = $1", event_id)
    of_changes = rows("SELECT action FROM admin_audit WHERE subject_id = $1", event_id)
    return Counter(row.action for row in (*of_messages, *of_changes))


def test_an_event_that_six_operators_discard_is_discarded_once() -> None:
    id_, _ = a_quarantined_event()
    answers = run_concurrently([partial(discard_event, id_, REASON)] * OPERATORS)
    assert Counter(each.status for each in answers) == Counter({404: OPERATORS - 1, 200: 1})
    assert (place_of(id_), audited(id_)) == ([], Counter({"dlq discard": 1}))


def test_an_event_that_is_requeued_and_discarded_at_once_is_one_of_the_two() -> None:
    for _ in range(5):
        id_, _ = a_quarantined_event()
        calls: list[Callable[[], Answer]] = [
            partial(requeue, id_),
            partial(discard_event, id_, REASON),
        ]
        answers = run_concurrently(calls * 3)
        assert Counter(each.status for each in answers) == Counter({404: 5, 200: 1})
        is_requeued = place_of(id_) == ["outbox"]
        act = "put back event" if is_requeued else "dlq discard"
        assert (place_of(id_), audited(id_)) == (["outbox"] * is_requeued, Counter({act: 1}))


def test_an_event_that_six_operators_restore_is_restored_once() -> None:
    id_, _ = a_quarantined_event()
    discard_event(id_, REASON)
    answers = run_concurrently([partial(restore, [id_], queue="quarantine")] * OPERATORS)
    assert [each.status for each in answers] == [200] * OPERATORS
    assert sum(len(each.json["done"]) for each in answers) == 1
    assert (place_of(id_), audited(id_)["dlq restore"]) == (["outbox"], 1)
