"""Texts and codes of errors."""

from commerce.shared.errors import Busy, CommerceError, Kind, Unavailable


class WallIsWet(CommerceError):
    """The wall is wet.

    Who reads on learns why.
    """

    kind = Kind.CONFLICT
    code = "WALL_IS_WET"


def test_the_docstrings_first_line_is_the_title() -> None:
    assert WallIsWet().title == "The wall is wet"
    assert WallIsWet().detail == "The wall is wet"
    assert str(WallIsWet("Come back tomorrow.")) == "Come back tomorrow."


def test_errors_do_not_share_their_details() -> None:
    one, other = WallIsWet(), WallIsWet()
    one.errors.append({"wall": 1})
    assert other.errors == []


def test_a_retryable_error_says_when_to_retry() -> None:
    assert WallIsWet().retry_after_seconds is None
    assert (Busy().code, Busy().retry_after_seconds) == ("BUSY", 1)
    assert (Unavailable().code, Unavailable().retry_after_seconds) == ("UNAVAILABLE", 2)
