"""Each planted bug is found within so many histories: a bound on work, not on time."""

from collections.abc import Iterator

import pytest

from tests.harness.histories.hunt import hunt
from tests.harness.histories.planted import BUGS, Plant, planted, stock_has_lost_lock_and_guard
from tests.harness.histories.recorder import Recorder

HISTORIES = 120  # the usual number is below ten; a loaded machine interleaves less
CLIENTS = 5
pytestmark = pytest.mark.timeout(900)  # half a minute for the slowest on an idle machine


@pytest.fixture
def recorder(own_shop: str) -> Iterator[Recorder]:
    """Clients on threads of their own, in a shop that is thrown away with its bug."""
    recorder = Recorder(CLIENTS)
    yield recorder
    recorder.close()


@pytest.mark.parametrize("plant", BUGS.values(), ids=BUGS)
def test_a_planted_bug_is_found(recorder: Recorder, plant: Plant) -> None:
    with planted(plant):
        found = hunt(recorder, range(1, 1 + HISTORIES), clients=CLIENTS, replays=3)

    assert found.failing is not None, f"not found in {HISTORIES} histories"
    print(f"after {found.histories} histories")  # noqa: T201
    print(found.report)  # noqa: T201  (shown with -s, and where something else fails)
    assert found.report


def test_removing_one_of_two_safeguards_causes_no_failure(recorder: Recorder) -> None:
    """UPDATE adds to the row as it is, and CHECK has the last word, without lock and guard."""
    with planted(stock_has_lost_lock_and_guard):
        found = hunt(recorder, range(1, 7), clients=CLIENTS)

    assert found.failing is None, found.report
