"""Weights and days' rankings in memory and in PostgreSQL obey the same rules."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from math import log
from uuid import UUID

import pytest

from commerce.ranking import Ranked, Weights
from commerce.ranking.repository import RankingRepository, SqlRankingRepository
from commerce.runtime.db.connection import Contention, Database
from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared import clock
from tests.support.memory.ranking import Day, MemoryRankingRepository

pytestmark = pytest.mark.usefixtures("servers")

Do = Callable[[Callable[[RankingRepository], object]], object]

DAY = date(2026, 3, 10)
FIRST, SECOND, THIRD = (clock.new_id() for _ in range(3))
DAYS: dict[date, Day] = {
    DAY - timedelta(days=8): {FIRST: (10_000_000_000, 0, 0)},  # forgotten
    DAY - timedelta(days=2): {FIRST: (1000, 0, 0), THIRD: (0, 0, 999)},
    DAY: {FIRST: (1, -1, 0), SECOND: (0, 1, 0), THIRD: (2, 0, -999)},
    DAY + timedelta(days=1): {THIRD: (10_000, 0, 0)},
}


@pytest.fixture(params=["memory", "postgresql"])
def do(request: pytest.FixtureRequest) -> Iterator[Do]:
    """Does something with a repository, and commits it."""
    if request.param == "memory":
        repository = MemoryRankingRepository(DAYS)
        yield lambda work: work(repository)
        return
    url = request.getfixturevalue("own_database_url")
    database = Database(lambda: url)
    sql = (
        "INSERT INTO product_metrics_daily (day, product_id, views, likes, amount)"
        " VALUES ($1, $2, $3, $4, $5)"
    )
    database.run(
        [
            Query(sql, [day, id_, *parts])
            for day, rows in DAYS.items()
            for id_, parts in rows.items()
        ]
    )

    def run(work: Callable[[RankingRepository], object]) -> object:
        with UnitOfWork(database) as uow:
            done = work(SqlRankingRepository(uow))
            uow.commit()
            return done

    yield run
    database.close()


def test_the_newest_weights_are_found(do: Do) -> None:
    assert do(lambda repository: repository.find_weights()) is None
    made = [Weights(version=n, view=n / 10, like=0, order=1) for n in (1, 2)]
    for each in made:
        do(lambda repository, each=each: repository.add_weights(each, by="Ann", at=clock.now()))  # type: ignore[misc]
    assert do(lambda repository: repository.find_weights()) == made[1]


def test_a_version_is_set_once(do: Do) -> None:
    for refused in (False, True):
        add = lambda repository: repository.add_weights(  # noqa: E731
            Weights(version=1), by="Ann", at=clock.now()
        )
        if refused:
            with pytest.raises(Contention):
                do(add)
        else:
            do(add)


def test_a_days_ranking_includes_the_carry_over_of_earlier_days(do: Do) -> None:
    def places(offset: int, limit: int, weights: Weights) -> object:
        return do(lambda repository: repository.top(DAY, weights, offset, limit))

    def ranked(*found: tuple[int, UUID, float]) -> list[Ranked]:
        return [Ranked(*each) for each in found]

    weights, carried = Weights(), round(0.2 + 0.007 * log(1000), 9)
    assert places(0, 10, weights) == ranked((1, FIRST, 1.1), (2, THIRD, carried), (3, SECOND, 0.2))
    assert places(1, 1, weights) == ranked((2, THIRD, carried))
    assert places(3, 10, weights) == []
    only_likes = Weights(version=1, view=0, like=1, order=0)
    assert places(0, 10, only_likes) == ranked((1, SECOND, 1.0))
    ties = Weights(version=1, view=0.1, like=0.2, order=0)
    assert places(0, 10, ties) == ranked((1, FIRST, 1.1), (2, THIRD, 0.2), (3, SECOND, 0.2))


def test_scores_of_a_day_are_read_in_parts_by_id(do: Do) -> None:
    def scores(after: UUID, limit: int) -> object:
        return do(lambda repository: repository.scores(DAY, Weights(), after, limit))

    carried = round(0.2 + 0.007 * log(1000), 9)
    assert scores(UUID(int=0), 2) == {FIRST: 1.1, SECOND: 0.2}
    assert scores(SECOND, 2) == {THIRD: carried}
    assert scores(THIRD, 2) == {}
