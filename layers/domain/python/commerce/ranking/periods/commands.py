"""What the state machine asks of each of its functions."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from commerce.ranking.periods.model import Period
from commerce.shared.schemas import Command

CHUNK_ROWS = 50_000
"""Rows of metrics per chunk, where nobody asks for another size: about 0.2 s of PostgreSQL."""
MAX_CHUNK_ROWS = 200_000
"""One statement ranks a chunk, within the 5 s that a statement has."""
MAX_CHUNKS = 1000
"""Of one run: an execution's history holds 25,000 events, a chunk with all its tries makes 16."""

ChunkRows = Annotated[int, Field(ge=1, le=MAX_CHUNK_ROWS)]


class Asked(Command):
    """What an execution may be started with; all of it may be left out."""

    period: Period = Period.WEEKLY
    key: str | None = Field(default=None, examples=["2026W47", "202611"])
    chunk_rows: ChunkRows = CHUNK_ROWS


class PlanChunks(Command):
    """Cut the metrics of a span into chunks. Without a key it is the span that ended last."""

    execution: str
    at: datetime
    asked: Asked


class RankChunk(Command):
    """Rank the products of one chunk."""

    execution: str
    run_id: UUID
    number: int


class Failure(Command):
    """An error as the state machine caught it."""

    error: str = Field(alias="Error")
    cause: str = Field(default="", alias="Cause")


class SkipChunk(RankChunk):
    """Leave out a chunk that cannot be ranked."""

    failure: Failure


class PublishRanks(Command):
    """Show the best of all chunks."""

    execution: str
    run_id: UUID


class FailRun(PublishRanks):
    """Give the run up."""

    failure: Failure
