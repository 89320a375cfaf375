"""Errors of the ranking context."""

from commerce.shared.errors import CommerceError, Kind


class InvalidMoment(CommerceError):
    """The moment is not one of this period."""

    kind = Kind.INVALID
    code = "INVALID_MOMENT"

    def __init__(self, shape: str) -> None:
        super().__init__(
            f"`at` is {shape}, or left out for now.",
            errors=[{"field": "at", "message": f"Must be {shape}.", "code": "invalid_moment"}],
        )


class RebuildRefused(CommerceError):
    """The board was left as it is."""

    kind = Kind.CONFLICT
    code = "REBUILD_REFUSED"


class PageTooDeep(CommerceError):
    """The page lies beyond the last rank that is shown."""

    kind = Kind.INVALID
    code = "PAGE_TOO_DEEP"

    def __init__(self, last_rank: int) -> None:
        rule = f"page × limit must be at most {last_rank}."
        super().__init__(rule, errors=[{"field": "page", "message": rule, "code": "page_too_deep"}])
