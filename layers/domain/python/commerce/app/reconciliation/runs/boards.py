"""Today's ranking board is compared with the metrics that it is made from.

Both count the same events, each at its own pace. So what differs is read again after a pause, and
is found only if it differed in the run before, too: an event is tried again within minutes. A board
of which most is missing is found at once.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from commerce.app.ranking_boards import boards, ranking_weights
from commerce.app.reconciliation.views import Finding
from commerce.app.transactions import in_transaction
from commerce.ranking import Period, RankingFacade, Window
from commerce.runtime import business_time
from commerce.runtime.deadline import Deadline
from commerce.shared import clock

RULE = "BOARD_IS_WHAT_ITS_METRICS_SAY"
CHUNK = 500  # products
COMPARED_SECONDS = 20.0
SETTLED_AFTER_SECONDS = 20.0  # for events that one of the two has yet to count
MAX_UNEQUAL = 1_000  # products that are remembered for the next run
TOLERANCE = 0.1  # of a score: a hot product never rests
_FIRST = UUID(int=0)

Scores: TypeAlias = dict[UUID, float | None]
"""The board's scores of products that differ; None of one that is missing."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The number of products that were compared, those that differ, and the finding if any."""

    products: int
    unequal: list[UUID]
    findings: list[Finding]


def compare_boards(before: Collection[UUID] | None = None) -> Compared | None:
    """Compare today's board with the metrics, as far as time goes; None if Valkey does not answer.

    `before` are the products that differed in the run before; None if there was no such run, and
    all that differ after the pause are found.
    """
    day = Window.containing(Period.DAILY, clock.now(), business_time.zone())
    if boards().page(day, ranking_weights().get(), 0, 1) is None:  # also rescores for new weights
        return None
    deadline, products, chunks = Deadline.within(COMPARED_SECONDS), 0, list[UUID]()
    unequal: Scores = {}
    after = _FIRST
    while not deadline.is_over and (due := _due(day, after)):
        found = _unequal(day, due)
        if found is None:
            return None
        products += len(due)
        chunks += [after] if found else []
        unequal |= found
        after = max(due)
    if unequal:
        time.sleep(SETTLED_AFTER_SECONDS)
        again: Scores = {}
        for each in chunks:
            found = _unequal(day, _due(day, each))
            if found is None:
                return None
            again |= found
        unequal = {id_: again[id_] for id_ in unequal if id_ in again}
    missing = sum(score is None for score in unequal.values())
    is_lost = 2 * missing > products
    if before is not None and not is_lost:
        lasting = {id_: score for id_, score in unequal.items() if id_ in before}
    else:
        lasting = unequal
    return Compared(products, list(unequal)[:MAX_UNEQUAL], _findings(day, products, lasting))


def _findings(day: Window, products: int, found: Scores) -> list[Finding]:
    if not found:
        return []
    missing = sum(score is None for score in found.values())
    facts: dict[str, str | int | None] = {
        "board": day.key, "compared": products,
        "missing": missing, "different": len(found) - missing,
    }  # fmt: skip
    return [Finding(rule=RULE, facts=facts)]


def _unequal(day: Window, due: dict[UUID, float]) -> Scores | None:
    found = boards().scores(day, list(due)) if due else []
    if found is None:
        return None
    scores = dict(zip(due, found, strict=True))
    return {id_: score for id_, score in scores.items() if _differs(due[id_], score)}


def _due(day: Window, after: UUID) -> dict[UUID, float]:
    return in_transaction(
        RankingFacade.scores_of_day, day.begins.date(), ranking_weights().get(), after, CHUNK
    )


def _differs(due: float, score: float | None) -> bool:
    if score is None:
        return due > 0
    return abs(score - due) > 1 + TOLERANCE * max(score, due)
