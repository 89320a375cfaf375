"""Errors of the domain: each has a kind and a code, which the entrypoints translate."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, ClassVar


class Kind(Enum):
    """The meaning of an error to its caller."""

    MALFORMED = "malformed"
    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not found"
    CONFLICT = "conflict"
    GONE = "gone"
    TOO_LARGE = "too large"
    TOO_MANY = "too many"
    UNAVAILABLE = "unavailable"


class CommerceError(Exception):
    """A refusal: callers see the class's docstring as title, and `detail`, `errors`, `facts`."""

    kind: ClassVar[Kind]
    code: ClassVar[str]
    default_detail: ClassVar[str] = ""
    default_retry_after_seconds: ClassVar[int | None] = None

    def __init__(
        self,
        detail: str = "",
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        facts: Mapping[str, Any] | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        self.detail = detail or self.default_detail or self.title
        self.errors = list(errors)
        self.facts = dict(facts or {})
        self.retry_after_seconds = (
            self.default_retry_after_seconds if retry_after_seconds is None else retry_after_seconds
        )
        super().__init__(self.detail)

    @property
    def title(self) -> str:
        """The first line of the class's docstring, without its full stop."""
        return (type(self).__doc__ or type(self).__name__).splitlines()[0].rstrip(".")


class Busy(CommerceError):
    """Somebody else holds what this request needs."""

    kind = Kind.UNAVAILABLE
    code = "BUSY"
    default_detail = "Nothing was changed; try again."
    default_retry_after_seconds = 1


class Unavailable(CommerceError):
    """A part of the system does not answer."""

    kind = Kind.UNAVAILABLE
    code = "UNAVAILABLE"
    default_detail = "Try again, with the same Idempotency-Key if you sent one."
    default_retry_after_seconds = 2
