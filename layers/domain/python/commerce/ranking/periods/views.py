"""Answers to the state machine, and reports for operators."""

from datetime import date
from uuid import UUID

from commerce.ranking.periods.model import Period, RunStatus
from commerce.shared.schemas import Timestamp, View


class PlanView(View):
    """A run with the numbers of its chunks."""

    run_id: UUID
    period: Period
    key: str
    chunks: list[int]


class ChunkView(View):
    """The status of a chunk."""

    number: int
    status: str


class OutcomeView(View):
    """The outcome of a run, kept short: a state machine carries at most 256 KB."""

    run_id: UUID
    period: Period
    key: str
    status: RunStatus
    chunks: int
    chunks_skipped: int
    rows_read: int


class SkippedChunk(View):
    """A range of products that a ranking leaves out, and why."""

    number: int
    after_id: UUID
    upto_id: UUID
    failure: str


class RunView(OutcomeView):
    """The report of a run."""

    chunks_done: int
    execution: str
    first_day: date
    last_day: date
    chunk_rows: int
    begun_at: Timestamp
    ended_at: Timestamp | None
    duration_seconds: float | None
    failure: str
    skipped: list[SkippedChunk]
