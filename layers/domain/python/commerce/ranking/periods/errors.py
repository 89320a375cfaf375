"""Errors of periodical rankings."""

from commerce.shared.errors import CommerceError, Kind


class InvalidPeriodKey(CommerceError):
    """There is no such week or month."""

    kind = Kind.INVALID
    code = "INVALID_PERIOD_KEY"


class TooManyChunks(CommerceError):
    """The period has too many chunks for one run."""

    kind = Kind.CONFLICT
    code = "TOO_MANY_CHUNKS"


class RunNotFound(CommerceError):
    """There is no such run, or no such chunk of it."""

    kind = Kind.NOT_FOUND
    code = "RANKING_RUN_NOT_FOUND"


class RunEnded(CommerceError):
    """The run has ended already."""

    kind = Kind.CONFLICT
    code = "RANKING_RUN_ENDED"


class ChunksPending(CommerceError):
    """Some chunks are neither ranked nor skipped."""

    kind = Kind.CONFLICT
    code = "RANKING_CHUNKS_PENDING"


class NothingRanked(CommerceError):
    """Every chunk was skipped, so there is nothing to publish."""

    kind = Kind.CONFLICT
    code = "NOTHING_RANKED"
