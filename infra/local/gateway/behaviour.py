"""The behaviour of the simulated gateway: as set through its API, or random."""

import random
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias, get_args

from infra.local.json_server import Json, invalid, is_integer, is_number

Mode: TypeAlias = Literal[
    "default", "healthy", "refuse", "error", "hang", "slow", "charge_then_hang",
    "lose_callback", "double_callback", "delay_callback", "wrong_amount",
]  # fmt: skip
Subject: TypeAlias = Literal["payments", "queries", "refunds"]
Result: TypeAlias = Literal["SUCCESS", "LIMIT_EXCEEDED", "INVALID_CARD"]

MODES: tuple[Mode, ...] = get_args(Mode)
SUBJECTS = (*get_args(Subject), "all")
RESULTS: tuple[Result, ...] = get_args(Result)
FOR_ANY_SUBJECT = ("healthy", "error", "hang", "slow")
SECONDS_LIMIT = 3600

# spec §6: the simulator's defaults.
ERROR_ODDS = 0.4
RESULT_ODDS = (0.7, 0.2, 0.1)
REQUEST_SECONDS = (0.1, 0.5)
RESULT_SECONDS = (1.0, 5.0)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The outcome of the next `times` requests, or of all if it is None."""

    mode: Mode = "default"
    times: int | None = None
    seconds: float = 2.5  # slow, but within the 3 s that a caller may wait
    seed: int | None = None
    on: Subject | Literal["all"] = "payments"
    result: Result | None = None

    @classmethod
    def parse(cls, body: Json) -> "Behaviour":
        """Read a PUT /behaviour body. Raises Refused."""
        known = ("mode", "times", "seconds", "seed", "on", "result")
        if unknown := sorted(set(body) - set(known)):
            raise invalid(f"unknown fields: {', '.join(unknown)}; known are {', '.join(known)}")
        given = cls(**{"mode": None, **{key: body[key] for key in body if body[key] is not None}})
        given._check()
        return replace(given, seconds=float(given.seconds))

    def _check(self) -> None:
        if self.mode not in MODES:
            raise invalid(f"mode must be one of {', '.join(MODES)}")
        if self.times is not None and (not is_integer(self.times) or self.times < 1):
            raise invalid("times must be a whole number from 1, or null for ever")
        if not is_number(self.seconds) or not 0 <= self.seconds <= SECONDS_LIMIT:
            raise invalid(f"seconds must be a number from 0 to {SECONDS_LIMIT}")
        if self.seed is not None and not is_integer(self.seed):
            raise invalid("seed must be a whole number, or null for mere chance")
        if self.on not in SUBJECTS:
            raise invalid(f"on must be one of {', '.join(SUBJECTS)}")
        if self.on != "payments" and self.mode not in FOR_ANY_SUBJECT:
            raise invalid(f"on {self.on} only {', '.join(FOR_ANY_SUBJECT)} make sense")
        if self.result is not None and self.result not in RESULTS:
            raise invalid(f"result must be one of {', '.join(RESULTS)}, or null")

    def applies_to(self, subject: Subject) -> bool:
        """Return whether this behaviour applies to a request of that kind."""
        return self.on in (subject, "all")


@dataclass(frozen=True, slots=True)
class Draw:
    """The random outcome of one request for a payment."""

    request_seconds: float
    is_error: bool
    result: Result
    result_seconds: float


@dataclass(slots=True)
class Odds:
    """The draws: by a seed the same ones each time, without one by mere chance.

    What is drawn depends on the seed, on which order it is (the first that asked, the second …)
    and on which of its tries. So a run draws the same set of fates whatever the ids of its orders,
    and however their requests overtake each other.
    """

    seed: int | None = None
    _orders: dict[str, int] = field(default_factory=dict)
    _tries: dict[str, int] = field(default_factory=dict)

    def draw(self, order_id: str) -> Draw:
        """Draw for the order's next try."""
        number = self._orders.setdefault(order_id, len(self._orders) + 1)
        self._tries[order_id] = self._tries.get(order_id, 0) + 1
        key = f"{self.seed}:{number}:{self._tries[order_id]}"
        chance = random.Random(None if self.seed is None else key)  # noqa: S311
        return Draw(
            request_seconds=chance.uniform(*REQUEST_SECONDS),
            is_error=chance.random() < ERROR_ODDS,
            result=chance.choices(RESULTS, RESULT_ODDS)[0],
            result_seconds=chance.uniform(*RESULT_SECONDS),
        )


@dataclass(frozen=True, slots=True)
class Settlement:
    """The outcome of an accepted payment: its result, and how it is reported."""

    result: Result
    result_seconds: float
    callbacks: int = 1
    callback_seconds: float = 0.0  # after the result
    told_amount_is_off_by: int = 0

    @classmethod
    def of(cls, behaviour: Behaviour, draw: Draw, time_scale: float) -> "Settlement":
        """Decide it: by chance in mode `default`, else SUCCESS or the configured result."""
        by_chance = draw.result if behaviour.mode == "default" else "SUCCESS"
        fair = cls(behaviour.result or by_chance, draw.result_seconds * time_scale)
        if behaviour.mode == "charge_then_hang":
            return replace(fair, result_seconds=0.0, callback_seconds=fair.result_seconds)
        if behaviour.mode == "lose_callback":
            return replace(fair, callbacks=0)
        if behaviour.mode == "double_callback":
            return replace(fair, callbacks=2)
        if behaviour.mode == "delay_callback":
            return replace(fair, callback_seconds=behaviour.seconds)
        if behaviour.mode == "wrong_amount":
            return replace(fair, told_amount_is_off_by=1)
        return fair
