"""The checker itself, on histories written by hand: what it must find, and must not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.harness.histories.checker import Undecided, unexplained
from tests.harness.histories.history import Call, History, Setup, as_text
from tests.harness.histories.invariants import violations
from tests.harness.histories.plan import Size, draw
from tests.harness.histories.shrink import shrunk, smallest
from tests.harness.histories.simulation import Simulation

SETUP = Setup(buyers=2, points=500, stock=(1,), price=100, copies=1, discount=40)
SOLD_OUT = {"refused": "OUT_OF_STOCK", "available": {"p0": 0}}


def place(
    start: int, end: int, key: str, buyer: str = "u0", answer: Any = "ok", **args: Any
) -> Call:
    order_request = {
        "key": key, "buyer": buyer, "lines": [["p0", 1]], "method": "POINT", "points": 0,
        "coupon": False, **args,
    }  # fmt: skip
    if answer == "ok":
        answer = {"order": key, "status": "CONFIRMED", "points": 100, "discount": 0}
    return Call(start, start, "place", order_request, start, end, answer)


def other(start: int, end: int, kind: str, answer: Any, **args: Any) -> Call:
    return Call(start, start, kind, args, start, end, answer)


def a_history(*calls: Call, stock: int = 0, u0: int = 400, u1: int = 500, orders: int = 1) -> Any:
    end = {
        "stock": {"p0": stock},
        "on_hand": {"p0": SETUP.stock[0]},
        "balance": {"u0": u0, "u1": u1},
        "left": 1,
        "copies": {},
        "orders": [
            {"id": str(n), "about": f"k{n + 1}", "buyer": f"u{n}", "lines": [["p0", 1]],
             "method": "POINT", "points": 100, "discount": 0, "status": "CONFIRMED"}
            for n in range(orders)
        ],
    }  # fmt: skip
    committed = [
        {"id": f"{n}{type_}", "type": type_, "aggregate": str(n), "version": version,
         "about": f"k{n + 1}"}
        for n in range(orders)
        for version, type_ in enumerate(("OrderPlaced", "OrderConfirmed"), 1)
    ]  # fmt: skip
    puts: list[dict[str, list[str]]] = [
        {"took": [str(each["id"])], "refused": []} for each in committed
    ]
    return History(7, SETUP, list(calls), end, committed, puts)


def test_one_buyer_of_the_last_unit_is_explained() -> None:
    history = a_history(place(0, 9, "k1"), place(1, 8, "k2", "u1", SOLD_OUT))
    assert unexplained(history) == []
    assert violations(history) == []


def test_a_unit_sold_twice_is_found() -> None:
    history = a_history(place(0, 3, "k1"), place(1, 2, "k2", "u1"), stock=-1, u1=400, orders=2)
    [found] = unexplained(history)
    assert len(found.explained) == 1
    assert "-1 units of p0 are left" in violations(history)


def test_a_refusal_before_anything_was_sold_is_found() -> None:
    history = a_history(place(0, 1, "k2", "u1", SOLD_OUT), place(2, 3, "k1"))
    assert [len(each.calls) for each in unexplained(history)] == [2]
    overlapping = a_history(place(0, 3, "k2", "u1", SOLD_OUT), place(1, 2, "k1"))
    assert unexplained(overlapping) == []


def test_a_stale_read_is_found() -> None:
    early = other(4, 5, "read_points", {"balance": 500}, buyer="u0")
    history = a_history(place(0, 3, "k1"), early)
    assert len(unexplained(history)) == 1
    history = a_history(place(0, 5, "k1"), early)
    assert unexplained(history) == []


def test_a_call_without_an_answer_may_have_taken_effect_or_not() -> None:
    bought = a_history(place(0, 3, "k1", answer=None))
    assert unexplained(bought) == []
    assert violations(bought) == []
    not_bought = a_history(place(0, 3, "k1", answer=None), stock=1, u0=500, orders=0)
    assert unexplained(not_bought) == []
    assert violations(not_bought) == []
    half = a_history(place(0, 3, "k1", answer=None), stock=0, u0=500, orders=0)
    assert len(unexplained(half)) == 1
    assert violations(half) != []


def test_one_key_is_one_order() -> None:
    again = place(4, 5, "k1")
    assert unexplained(a_history(place(0, 3, "k1"), again)) == []
    second = {"order": "k1#2", "status": "CONFIRMED", "points": 100, "discount": 0}
    twice = a_history(place(0, 3, "k1"), place(4, 5, "k1", answer=second))
    assert len(unexplained(twice)) == 1
    assert "one key, several orders: ['k1', 'k1#2']" in violations(twice)


def test_a_cancellation_returns_its_units_once() -> None:
    cancelled = other(4, 5, "cancel", {"status": "CANCELLED"}, order="k1", buyer="u0")
    read = other(6, 7, "read_stock", {"stock": 1}, product="p0")
    history = a_history(place(0, 3, "k1"), cancelled, read, stock=1, u0=500)
    history.end["orders"][0]["status"] = "CANCELLED"
    assert unexplained(history) == []
    read_twice = other(6, 7, "read_stock", {"stock": 2}, product="p0")
    history.calls[2] = read_twice
    assert len(unexplained(history)) == 1


def test_more_coupons_issued_than_copies_are_found() -> None:
    calls = [
        other(0, 3, "issue", {"copy": "u0", "is_new": True}, buyer="u0"),
        other(1, 2, "issue", {"copy": "u1", "is_new": True}, buyer="u1"),
    ]
    history = a_history(*calls, stock=1, u0=500, orders=0)
    history.end |= {"left": -1, "copies": {"u0": "AVAILABLE", "u1": "AVAILABLE"}}
    assert len(unexplained(history)) == 1
    history.calls[1] = other(1, 2, "issue", {"refused": "COUPON_SOLD_OUT"}, buyer="u1")
    history.end |= {"left": 0, "copies": {"u0": "AVAILABLE"}}
    assert unexplained(history) == []
    assert violations(history) == []


def test_a_lost_event_is_found() -> None:
    history = a_history(place(0, 3, "k1"))
    del history.puts[1]
    assert violations(history) == ["lost: OrderConfirmed 2 of k1"]


def test_events_out_of_order_are_found() -> None:
    history = a_history(place(0, 3, "k1"))
    history.puts.reverse()
    assert violations(history) == ["out of order: OrderPlaced 1 of k1"]


def test_only_the_call_that_refused_an_event_may_publish_a_later_one() -> None:
    history = a_history(place(0, 3, "k1"))
    history.puts.reverse()
    history.puts[0]["refused"] = ["0OrderPlaced"]
    assert violations(history) == []


def test_an_event_counted_twice_is_found() -> None:
    history = a_history(place(0, 3, "k1"))
    history.metrics = {"p0": [1, 1, 100]}
    assert violations(history) == []
    history.metrics = {"p0": [2, 2, 200]}
    assert violations(history) == ["p0 counted [2, 2, 200], and should [1, 1, 100]"]


def test_the_report_shows_only_the_unexplained_calls() -> None:
    reads = [other(n, n + 1, "read_points", {"balance": 500}, buyer="u1") for n in range(10, 30, 2)]
    history = a_history(place(0, 3, "k1"), place(4, 5, "k2", "u1"), *reads, stock=-1, orders=2)
    part = shrunk(history)
    assert part is not None
    assert [call.args["key"] for call in part.calls] == ["k1", "k2"]
    assert "place key=k2 buyer=u1 p0×1" in as_text(part.calls)


def test_a_saved_history_gets_the_same_verdict(tmp_path: Path) -> None:
    history = a_history(place(0, 3, "k1"), place(1, 2, "k2", "u1"), stock=-1, u1=400, orders=2)
    history.save(tmp_path / "history.json")
    assert unexplained(History.load(tmp_path / "history.json")) == unexplained(history)


def test_a_search_without_end_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.harness.histories.checker.MAX_STATES", 3)
    calls = [place(0, 99, f"k{n}", answer=None) for n in range(1, 9)]
    with pytest.raises(Undecided):
        unexplained(a_history(*calls, stock=-8))


def test_shrinking_keeps_the_failure() -> None:
    assert smallest(range(100), lambda kept: {17, 71} <= set(kept)) == [17, 71]


@pytest.mark.parametrize("seed", range(30))
def test_a_sequential_history_is_explained(seed: int) -> None:
    history = Simulation(draw(seed, Size(clients=5, calls=6))).play()
    assert unexplained(history) == []


def test_a_wrong_number_in_an_answer_is_found() -> None:
    """In all histories with a read of points: the number is what was there at some moment."""
    tried = 0
    for seed in range(30):
        history = Simulation(draw(seed, Size(clients=5, calls=6))).play()
        for at, call in enumerate(history.calls):
            if call.kind == "read_points" and call.answer is not None:
                wrong = replace(call, answer={"balance": call.answer["balance"] + 1})
                history.calls[at] = wrong
                assert unexplained(history), f"seed {seed}, call {call.id}"
                history.calls[at] = call
                tried += 1
    assert tried > 10
