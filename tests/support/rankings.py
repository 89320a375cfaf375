"""Live boards for tests: delivering events, reading boards, and a clock that stands still."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest

from commerce.app.ranking_boards import boards, write_boards
from commerce.ranking import Weights, Window, window_of_key
from commerce.ranking.boards import Keys
from commerce.ranking.model import Period
from commerce.runtime.cache.valkey import connect
from commerce.shared import clock
from tests.support.lambda_calls import bus_message, function, lambda_context, sqs_event

WEIGHTS = Weights()


class Clock:
    """A clock that stands at a given moment (RFC 3339 with an offset)."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
        self.set(at)
        monkeypatch.setattr(clock, "now", lambda: self.moment)

    def set(self, at: str) -> None:
        """Set the moment."""
        self.moment = datetime.fromisoformat(at)


def deliver(*envelopes: dict[str, Any]) -> list[str]:
    """Deliver one batch to the ranking's consumer; return the messages that failed."""
    event = sqs_event(*map(bus_message, envelopes))
    answer = function("ranking/on_ranked_activity")(event, lambda_context())
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def carry_over() -> list[str]:
    """Run the scheduled function; return the windows that it carried into."""
    answer = function("ranking/every_five_minutes_carry_over")({}, lambda_context())
    found: list[str] = answer["carried_into"]
    return found


def window(key: str) -> Window:
    """Return the day or hour of a key."""
    return window_of_key(Period.DAILY if len(key) == 8 else Period.HOURLY, key)


def board(key: str, weights: Weights = WEIGHTS, limit: int = 100) -> dict[str, float]:
    """Return a board's products with their scores, the best first."""
    found = boards().page(window(key), weights, 0, limit)
    assert found is not None
    return {str(each.product_id): each.score for each in found.items}


def kept(key: str) -> dict[str, dict[bytes, Any]]:
    """Return all that is stored for a window, except the ids of its events."""
    keys = Keys.of(window(key))
    with server() as client:
        return {
            "parts": client.hgetall(keys.parts),
            "board": dict(client.zrange(keys.board, 0, -1, withscores=True)),
        }


@contextmanager
def server() -> Iterator[Any]:
    """Open a connection to the server."""
    with connect(os.environ["VALKEY_URL"], 5) as client:
        yield client


def carry(source: str, target: str) -> None:
    """Carry one window into another, due or not."""
    assert write_boards().carry(window(source), window(target), WEIGHTS)


def ids(found: Sequence[Any]) -> list[str]:
    """Return the product ids of a ranking's items."""
    return [each["product"]["product_id"] for each in found]
