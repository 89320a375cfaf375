"""A change names the version that its caller has seen."""

import pytest

from commerce.shared.etag import StaleVersion, if_match, outdated, require_seen


@pytest.mark.parametrize(
    ("header", "versions"),
    [
        (None, None),
        ("*", None),
        (' "3-abc" ', [[3]]),
        ('"3"', [[3]]),
        ('W/"3-abc"', [[3]]),
        ('"3.12-0123456789abcdef"', [[3, 12]]),
        ('"1-a", W/"2.5-b"', [[1], [2, 5]]),
        ("3", []),
        ('"abc"', []),
        ('""', []),
        ('"-3"', []),
        (f'"{"9" * 30}"', []),
        ("", []),
    ],
)
def test_an_if_match_header_lists_versions(
    header: str | None, versions: list[list[int]] | None
) -> None:
    assert if_match(header) == versions


@pytest.mark.parametrize(
    ("current", "header", "version"),
    [
        ([3], None, None),
        ([3], [[3]], None),
        ([3], [[2], [3]], None),
        ([3], [[3, 9]], None),
        ([3, 9], [[3]], None),
        ([3, 9], [[3, 9]], 3),
        ([3, 9], None, 3),
    ],
)
def test_a_matching_version_may_be_changed(
    current: list[int], header: list[list[int]] | None, version: int | None
) -> None:
    require_seen(current, header, version)


@pytest.mark.parametrize(
    ("current", "header", "version"),
    [
        ([3], [[2]], None),
        ([3], [[4]], None),
        ([3], [], None),
        ([3], None, 2),
        ([3], [[3]], 2),
        ([3], [[2]], 3),
        ([3, 9], [[3, 8]], None),
        ([3, 9], [[2, 9]], None),
        ([3], None, 0),
    ],
)
def test_a_stale_version_may_not_be_changed(
    current: list[int], header: list[list[int]] | None, version: int | None
) -> None:
    with pytest.raises(StaleVersion):
        require_seen(current, header, version)


def test_without_a_version_a_conflict_is_retryable() -> None:
    assert outdated(None) is None
    assert isinstance(outdated([[3]]), StaleVersion)
    assert isinstance(outdated(None, 3), StaleVersion)
