"""Valkey stopped or hanging: events wait and count once; readers see the day, and no error."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from commerce.ranking import boards as boards_module
from commerce.ranking import scripts
from commerce.runtime.cache import valkey
from commerce.shared.clock import new_id
from infra.local.ports import Ports
from infra.local.process import Server
from infra.local.valkey import start_valkey
from tests.support.envelopes import a_like, a_view, envelope_of
from tests.support.lambda_calls import bus_message, call, function, lambda_context, sqs_event
from tests.support.rankings import Clock, board, carry_over, deliver, ids, kept
from tests.support.shop import a_product
from tests.support.valkey import forget_valkey, hanging

pytestmark = pytest.mark.usefixtures("own_shop")

DAY, NEXT = "20260310", "20260311"
NOW = "2026-03-10T14:30:00+09:00"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A Valkey of the test's own, which nobody waits for for long."""
    running = start_valkey(tmp_path, Ports.free().valkey)
    monkeypatch.setenv("VALKEY_URL", running.url)
    monkeypatch.setattr(valkey, "SKIP_SECONDS", 0)
    monkeypatch.setattr(valkey, "STRICT_TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(valkey, "TIMEOUT_SECONDS", 0.3)
    forget_valkey()
    yield running
    running.stop()
    monkeypatch.undo()
    forget_valkey()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch, NOW)


def ranking(query: str = "") -> list[Any]:
    answer = call("ranking/get_rankings", "GET", f"/rankings?{query}")
    assert answer.status == 200, answer.json
    items: list[Any] = answer.json["items"]
    return items


def deliver_to_metrics(*envelopes: dict[str, Any]) -> None:
    event = sqs_event(*map(bus_message, envelopes))
    answer = function("metrics/on_product_activity")(event, lambda_context())
    assert answer == {"batchItemFailures": []}


def again(server: Server, tmp_path: Path) -> Server:
    return start_valkey(tmp_path, int(server.url.split(":")[-1].split("/")[0]))


def test_events_are_counted_once_after_valkey_is_back(
    server: Server, clock: Clock, tmp_path: Path
) -> None:
    product = str(new_id())
    envelopes = [envelope_of(a_view(product), at=NOW) for _ in range(5)]
    assert deliver(*envelopes[:2]) == []
    server.kill()
    failed = deliver(*envelopes)
    assert len(failed) == 5
    restarted = again(server, tmp_path)
    try:
        assert deliver(*envelopes) == []
        assert deliver(*envelopes) == []
        assert board(DAY) == {product: 0.5}
    finally:
        restarted.stop()


def test_a_batch_whose_answer_was_lost_counts_once(server: Server, clock: Clock) -> None:
    product = str(new_id())
    envelopes = [envelope_of(a_like(product), at=NOW) for _ in range(3)]
    with hanging(server.pid):
        assert len(deliver(*envelopes)) == 3
    # It has heard of them, and counts them now, though nobody listens any more.
    deadline = time.monotonic() + 10
    while not kept(DAY)["board"] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert deliver(*envelopes) == []
    assert board(DAY) == {product: pytest.approx(0.6)}


def test_without_valkey_a_days_ranking_comes_from_the_metrics(server: Server, clock: Clock) -> None:
    first, second = a_product(), a_product()
    envelopes = [envelope_of(a_view(each), at=NOW) for each in (first, second, second)]
    deliver_to_metrics(*envelopes)
    assert deliver(*envelopes) == []
    shown = ranking()
    assert ids(shown) == [second, first]
    assert call("product/get_product", "GET", f"/products/{first}").json["rank"] == 2
    with hanging(server.pid):
        assert ranking() == shown
    server.stop()
    assert ranking() == shown
    assert ranking("period=hourly") == []
    found = call("product/get_product", "GET", f"/products/{first}")
    assert (found.status, found.json["rank"]) == (200, None)


def test_an_interrupted_carry_over_is_completed_by_the_next(
    server: Server, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boards_module, "STEP", 10)
    products = [str(new_id()) for _ in range(700)]
    assert deliver(*(envelope_of(a_view(each), at=NOW) for each in products)) == []
    clock.set("2026-03-10T23:55:00+09:00")
    steps: list[str] = []
    run = boards_module.Boards._run

    def break_off(self: Any, script: str, keys: Any, values: Any) -> Any:
        if script == scripts.CARRY and keys[1].startswith("lastunit:{ranking}:1:daily"):
            steps.append(script)
            if len(steps) == 20:
                raise KeyboardInterrupt
        return run(self, script, keys, values)

    with monkeypatch.context() as broken:
        broken.setattr(boards_module.Boards, "_run", break_off)
        with pytest.raises(KeyboardInterrupt):
            carry_over()
    half = kept(NEXT)
    assert half["parts"][b"carried"] == b"begun"
    assert 0 < len(half["board"]) < 700
    newest = str(new_id())
    assert (
        deliver(envelope_of(a_view(products[0]), at=NOW), envelope_of(a_view(newest), at=NOW)) == []
    )
    assert kept(NEXT)["board"][newest.encode()] == 0.01
    clock.set("2026-03-11T00:00:00+09:00")
    assert NEXT in carry_over()
    whole = board(NEXT, limit=1000)
    assert len(whole) == 701
    assert whole[products[0]] == 0.02


def test_a_carry_over_without_valkey_fails_visibly(server: Server, clock: Clock) -> None:
    from commerce.shared.errors import Unavailable

    server.stop()
    with pytest.raises(Unavailable):
        carry_over()
