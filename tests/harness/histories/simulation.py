"""Histories that the model itself answers, one call at a time inside overlapping intervals.

Whatever order it took is an explanation: a checker that finds none is wrong.
"""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from tests.harness.histories.history import Answer, Call, History
from tests.harness.histories.model import DROP, LEFT, Key, Model
from tests.harness.histories.plan import Plan, Planned


@dataclass(slots=True)
class _Running:
    planned: Planned
    start: int
    answer: Answer | None = None


class Simulation:
    """A shop that serves one caller at a time, and forgets to answer some."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._rng = random.Random(plan.seed)  # noqa: S311
        order_requests = [Call(0, each.client, each.kind, each.args, 0, 0) for each in plan.calls]
        self._model = Model(plan.setup, order_requests)
        self._state: dict[Key, Any] = dict(self._model.start())
        self._calls: list[Call] = []

    def play(self) -> History:
        """The clients take their turns at random."""
        ticks = itertools.count()
        waiting = [[*self._calls_of(client)] for client in range(self._plan.clients)]
        running: dict[int, _Running] = {}
        while any(waiting) or running:
            client = self._rng.randrange(self._plan.clients)
            if client not in running:
                if waiting[client]:
                    self._begin(client, waiting[client].pop(0), running, ticks)
            elif running[client].answer is None:
                running[client].answer = self._answer(running[client].planned)
            else:
                self._end(running.pop(client), ticks)
        calls = sorted(self._calls, key=lambda call: call.start)
        return History(self._plan.seed, self._plan.setup, calls, self._rows())

    def _calls_of(self, client: int) -> Iterator[Planned]:
        for planned in self._plan.of_client(client):
            steps = ("step", "take_round", "step") if planned.kind == "promote" else (planned.kind,)
            yield from (replace(planned, kind=kind) for kind in steps)

    def _begin(
        self, client: int, planned: Planned, running: dict[int, _Running], ticks: Any
    ) -> None:
        args = planned.args
        is_named = "order" not in args or ("order", args["order"]) in self._state
        if args.get("offer"):
            is_named = self._state[DROP].entry(args["buyer"]) is not None
        if is_named:
            running[client] = _Running(planned, next(ticks))

    def _answer(self, planned: Planned) -> Answer:
        call = Call(0, planned.client, planned.kind, planned.args, 0, 0)
        answer, changes = self._rng.choice(list(self._model.outcomes(self._state, call)))
        self._state |= changes
        return answer

    def _end(self, done: _Running, ticks: Any) -> None:
        planned = done.planned
        answer = None if planned.loses_answer else done.answer
        self._calls.append(
            Call(
                done.start, planned.client, planned.kind, planned.args, done.start, next(ticks),
                answer,
            )
        )  # fmt: skip

    def _rows(self) -> dict[str, Any]:
        def named(kind: str) -> dict[str, Any]:
            return {key[1]: value for key, value in self._state.items() if key[0] == kind}

        orders = []
        for name, status in named("order").items():
            order_request = self._model.order_request(name)
            points, discount = self._model.paid(order_request)
            gone, back = (self._state.get((part, name)) for part in ("gone", "back"))
            paid = {"points": points, "discount": discount, "status": status}
            parts = {"gone": gone or {}, "points_back": back or 0}
            orders.append({**order_request, **paid, **parts, "about": name})
        return {
            "stock": named("stock"),
            "on_hand": named("on_hand"),
            "balance": named("balance"),
            "copies": named("copy"),
            "left": self._state[LEFT],
            "orders": orders,
            **({"drop": {"rows": self._state[DROP].rows()}} if DROP in self._state else {}),
        }
