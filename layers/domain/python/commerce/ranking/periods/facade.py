"""The public interface of the rankings of weeks and months."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from commerce.ranking.model import Ranked, Weights
from commerce.ranking.periods.commands import (
    MAX_CHUNKS,
    FailRun,
    PlanChunks,
    PublishRanks,
    RankChunk,
    RunOptions,
    SkipChunk,
)
from commerce.ranking.periods.errors import TooManyChunks
from commerce.ranking.periods.model import (
    ChunkCounts,
    ChunkStatus,
    Due,
    Period,
    Run,
    RunStatus,
    Span,
    due_days,
)
from commerce.ranking.periods.repository import SqlPeriodicalRankRepository
from commerce.ranking.periods.views import ChunkView, OutcomeView, PlanView, RunView, SkippedChunk
from commerce.runtime import business_time
from commerce.shared import clock

DAYS_AT_ONCE = 4
"""Days that are started together: more would only wait for the database."""


class PeriodicalRankingFacade:
    """Ranks days, weeks and months in steps that can be repeated.

    Runs do not exclude each other, so a killed one blocks nobody: each works on rows of its own,
    and the published ranking of a span is the whole result of one run, the one that began last.

    `ranges` splits the product ids into ranges (after, upto) of about so many rows of metrics on
    the given days; `weights` returns the newest weights.
    """

    def __init__(
        self,
        ranks: SqlPeriodicalRankRepository,
        ranges: Callable[[Sequence[date], int], Iterable[tuple[UUID, UUID]]],
        weights: Callable[[], Weights],
    ) -> None:
        self._ranks = ranks
        self._ranges = ranges
        self._weights = weights

    def page(self, period: Period, key: str, offset: int, limit: int) -> list[Ranked]:
        """Return up to `limit` ranks of a span from `offset` on. Raises InvalidPeriodKey."""
        return self._ranks.page(period, Span.of(period, key).key, offset, limit)

    def due(self, at: datetime, *, running_day_too: bool = False) -> list[Due]:
        """Return what is due at the moment.

        That is the newest week and month if never begun, and a few of the days that were not ranked
        since they ended, or since their last night of corrections. With `running_day_too`, today as
        it stands.
        """
        zone = business_time.zone_name()
        local_time = self._ranks.local_time(at, zone)
        spans = [Span.due(period, local_time) for period in (Period.WEEKLY, Period.MONTHLY)]
        days = due_days(local_time, running_too=running_day_too)
        return [Due(span) for span in spans if not self._ranks.was_begun(span)] + [
            Due(Span.containing(Period.DAILY, day), since=days[day])
            for day in self._ranks.due_days(days, zone, DAYS_AT_ONCE)
        ]

    def plan(self, command: PlanChunks) -> PlanView:
        """Begin a run with the newest weights; planned again, an execution keeps its run.

        Raises InvalidPeriodKey, TooManyChunks.
        """
        run = self._ranks.find_by_execution(command.execution)
        if run is not None:
            return _plan(run, self._ranks.chunks_of(run))
        run = Run(
            id=clock.new_id(),
            execution=command.execution,
            span=self._span(command.options, command.at),
            chunk_rows=command.options.chunk_rows,
            weights=self._weights(),
            begun_at=clock.now(),
        )
        ranges = []
        for each in self._ranges(run.span.days, run.chunk_rows):
            ranges.append(each)
            if len(ranges) > MAX_CHUNKS:
                raise TooManyChunks(
                    f"{run.span.key} has more than {MAX_CHUNKS} chunks of {run.chunk_rows} rows: "
                    "start a run with a larger chunk_rows."
                )
        self._ranks.add(run, ranges)
        return _plan(run, list(range(1, len(ranges) + 1)))

    def rank_chunk(self, command: RankChunk) -> ChunkView:
        """Rank the products of a chunk. Raises RunNotFound, RunEnded."""
        self._ranks.rank_chunk(command.run_id, command.number)
        return ChunkView(number=command.number, status=ChunkStatus.RANKED)

    def skip_chunk(self, command: SkipChunk) -> ChunkView:
        """Skip a chunk and report why. Raises RunNotFound, RunEnded."""
        failure = command.failure.summary()
        status = self._ranks.skip_chunk(command.run_id, command.number, failure)
        return ChunkView(number=command.number, status=status)

    def publish(self, command: PublishRanks) -> OutcomeView:
        """Publish the best of all chunks at once, unless a run that began later is published.

        Idempotent. Raises RunNotFound, RunEnded, ChunksPending, NothingRanked.
        """
        run, counts = self._ranks.lock(command.run_id)
        if run.status in (RunStatus.PUBLISHED, RunStatus.SUPERSEDED):
            return _outcome(run, counts)
        run.require_publishable(counts)
        if self._ranks.claim_publication(run):
            self._ranks.replace_ranks(run)
            run.end(RunStatus.PUBLISHED, clock.now())
        else:
            run.end(RunStatus.SUPERSEDED, clock.now())
        self._ranks.end(run)
        return _outcome(run, counts)

    def fail(self, command: FailRun) -> OutcomeView:
        """End a run as failed, and keep what is published; an ended run stays as it ended."""
        run, counts = self._ranks.lock(command.run_id)
        if not run.has_ended:
            run.end(RunStatus.FAILED, clock.now(), command.failure.summary())
            self._ranks.end(run)
        return _outcome(run, counts)

    def newest_runs(self, limit: int) -> list[RunView]:
        """Return the reports of the runs that began last, newest first."""
        return [_report(*each) for each in self._ranks.newest(limit)]

    def report_of(self, execution: str) -> RunView | None:
        """Return the report of an execution's run; None if it has no run."""
        run = self._ranks.find_by_execution(execution)
        return _report(*self._ranks.with_report(run)) if run else None

    def _span(self, options: RunOptions, at: datetime) -> Span:
        if options.key is not None:
            return Span.of(options.period, options.key)
        local_time = self._ranks.local_time(at, business_time.zone_name())
        return Span.before(options.period, local_time.date())


def _plan(run: Run, chunks: list[int]) -> PlanView:
    return PlanView(run_id=run.id, period=run.span.period, key=run.span.key, chunks=chunks)


def _outcome(run: Run, counts: ChunkCounts) -> OutcomeView:
    return OutcomeView(**_facts(run, counts))


def _report(run: Run, counts: ChunkCounts, skipped: list[SkippedChunk]) -> RunView:
    seconds = (run.ended_at - run.begun_at).total_seconds() if run.ended_at else None
    return RunView(
        **_facts(run, counts),
        chunks_done=counts.ranked + counts.skipped,
        execution=run.execution,
        first_day=run.span.first_day,
        last_day=run.span.last_day,
        chunk_rows=run.chunk_rows,
        begun_at=run.begun_at,
        ended_at=run.ended_at,
        duration_seconds=seconds,
        failure=run.failure,
        skipped=skipped,
    )


def _facts(run: Run, counts: ChunkCounts) -> dict[str, Any]:
    return {
        "run_id": run.id,
        "period": run.span.period,
        "key": run.span.key,
        "status": run.status,
        "chunks": counts.planned + counts.ranked + counts.skipped,
        "chunks_skipped": counts.skipped,
        "rows_read": counts.rows_read,
    }
