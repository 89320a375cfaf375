"""Today's ranking board is compared with the metrics that it is made from.

Both count the same events, each at its own pace. So a product that differs is read again for some
seconds: what still differs then, no event on its way explains.
"""

import time
from dataclasses import dataclass
from uuid import UUID

from commerce.app.ranking_boards import boards, ranking_weights
from commerce.app.reconciliation.views import Finding
from commerce.app.transactions import in_transaction
from commerce.ranking import Period, RankingFacade, Window
from commerce.runtime import business_time
from commerce.shared import clock

RULE = "BOARD_IS_WHAT_ITS_METRICS_SAY"
CHUNK = 500  # products
SETTLED_AFTER_SECONDS = 20.0  # for events that one of the two has yet to count
POLL_SECONDS = 2.0
TOLERANCE = 0.1  # of a score: a hot product never rests
_FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Compared:
    """The number of products that were compared, and the finding if some differ."""

    products: int
    findings: list[Finding]


def compare_boards(*, every_product: bool = True) -> Compared | None:
    """Compare today's board with the metrics; None if Valkey does not answer.

    With `every_product=False` only the first 500 products are compared, by their ids.
    """
    weights = ranking_weights().get()
    day = Window.containing(Period.DAILY, clock.now(), business_time.zone())
    if boards().page(day, weights, 0, 1) is None:  # which also rescores it for new weights
        return None
    compared, missing, different = 0, 0, 0
    after = _FIRST
    while scores := _due(day, after, CHUNK):
        found = _settled(day, scores, after)
        if found is None:
            return None
        compared += len(scores)
        missing += sum(1 for _, score in found if score is None)
        different += sum(1 for _, score in found if score is not None)
        after = max(scores)
        if not every_product:
            break
    if not missing and not different:
        return Compared(compared, [])
    facts: dict[str, str | int | None] = {
        "board": day.key, "compared": compared, "missing": missing, "different": different,
    }  # fmt: skip
    return Compared(compared, [Finding(rule=RULE, facts=facts)])


def _settled(
    day: Window, scores: dict[UUID, float], after: UUID
) -> list[tuple[UUID, float | None]] | None:
    until = time.monotonic() + SETTLED_AFTER_SECONDS
    while True:
        found = boards().scores(day, list(scores))
        if found is None:
            return None
        unequal = [
            (id_, score)
            for id_, score in zip(scores, found, strict=True)
            if _differs(scores[id_], score)
        ]
        if not unequal or time.monotonic() >= until:
            return unequal
        time.sleep(POLL_SECONDS)
        scores = _due(day, after, CHUNK) or scores


def _due(day: Window, after: UUID, limit: int) -> dict[UUID, float]:
    return in_transaction(
        RankingFacade.scores_of_day, day.begins.date(), ranking_weights().get(), after, limit
    )


def _differs(due: float, score: float | None) -> bool:
    if score is None:
        return due > 0
    return abs(score - due) > 1 + TOLERANCE * max(score, due)
