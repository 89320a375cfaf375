"""Inputs of the state machine's tasks."""

import json
from contextlib import suppress
from typing import Annotated
from uuid import UUID

from pydantic import Field

from commerce.ranking.periods.model import Period
from commerce.shared.schemas import Command, Moment

CHUNK_ROWS = 50_000
"""Default rows of metrics per chunk: about 0.2 s of PostgreSQL."""
MAX_CHUNK_ROWS = 200_000
"""One statement ranks a chunk, within the statement time-out of 5 s."""
MAX_CHUNKS = 1000
"""Per run: an execution's history holds 25,000 events, and a chunk with all retries makes 16."""
MAX_FAILURE_CHARACTERS = 500

ChunkRows = Annotated[int, Field(ge=1, le=MAX_CHUNK_ROWS)]


class RunOptions(Command):
    """The input of an execution; every field is optional."""

    period: Period = Period.WEEKLY
    key: str | None = Field(default=None, examples=["2026W47", "202611"])
    chunk_rows: ChunkRows = CHUNK_ROWS


class PlanChunks(Command):
    """Split the metrics of a span into chunks. Without a key it is the span that ended last."""

    execution: str
    at: Moment
    options: RunOptions = Field(alias="asked")


class RankChunk(Command):
    """Rank the products of one chunk."""

    execution: str
    run_id: UUID
    number: int


class Failure(Command):
    """An error as the state machine caught it."""

    error: str = Field(alias="Error")
    cause: str = Field(default="", alias="Cause")

    def summary(self) -> str:
        """Return the error's name and message in one line, at most 500 characters long."""
        message = self.cause
        with suppress(ValueError, KeyError, TypeError):  # only Lambda gives the cause as JSON
            message = str(json.loads(self.cause)["errorMessage"])
        line = " ".join(f"{self.error}: {message}".replace("\0", "").split())
        return line[:MAX_FAILURE_CHARACTERS]


class SkipChunk(RankChunk):
    """Skip a chunk that cannot be ranked."""

    failure: Failure


class PublishRanks(Command):
    """Publish the best products of all chunks."""

    execution: str
    run_id: UUID


class FailRun(PublishRanks):
    """End the run without a result."""

    failure: Failure
