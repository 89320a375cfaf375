"""The frame of every drill: its steps, what each proved, what only AWS can show, its exit code."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from infra.local.errors import LocalError

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
_ADDRESS = re.compile(r"_URL$|_URLS$|^AWS_ENDPOINT_URL|_HOST$")
_IN_AWS = ("DATABASE_SECRET_ARN", "DATABASE_PROXY_HOST", "VALKEY_SECRET_ARN")


class NotLocal(LocalError):
    """A variable leads away from this machine, so that no drill runs."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} leads to a system that is not on this machine. A drill breaks things, and runs"
            f" on local servers alone: unset {name}, or use another shell."
        )


class Refused(Exception):
    """A request of the drill was answered otherwise than it must be."""


def answered(answer: Any, *statuses: int) -> Any:
    """Return the answer's body. Raises Refused for another status than these."""
    if answer.status not in statuses:
        raise Refused(f"a request was answered {answer.status}: {answer.json}")
    return answer.json


def require_local(environment: Mapping[str, str]) -> None:
    """Raise NotLocal where an address of the environment is not on the loopback interface."""
    for name, value in sorted(environment.items()):
        if name in _IN_AWS and value:
            raise NotLocal(name)
        if _ADDRESS.search(name) and _leads_away(value):
            raise NotLocal(name)


def _leads_away(value: str) -> bool:
    hosts = [urlsplit(each).hostname for each in re.split(r"[\s,]+", value) if "://" in each]
    return any(host not in LOOPBACK_HOSTS for host in hosts)


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """Set these variables within the block; afterwards all are as they were."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@dataclass(frozen=True, slots=True)
class Step:
    """A step that is done: whether what it is to prove holds, and what it found."""

    name: str
    holds: bool
    proof: str
    only_aws: str = ""


@dataclass(slots=True)
class Report:
    """The steps of a drill; each is announced as soon as it is done."""

    announce: Callable[[Step], None]
    steps: list[Step] = field(default_factory=list)

    def check(self, name: str, proof: str, *, holds: bool = True, only_aws: str = "") -> bool:
        """Add a step with what was found, and what only AWS can show; returns whether it holds."""
        self.steps.append(Step(name, holds, proof, only_aws))
        self.announce(self.steps[-1])
        return holds

    @property
    def failed(self) -> list[str]:
        """The names of the steps that did not hold."""
        return [each.name for each in self.steps if not each.holds]

    @property
    def holds(self) -> bool:
        """True where every step held."""
        return bool(self.steps) and not self.failed


@dataclass(frozen=True, slots=True)
class Drill:
    """A drill: its name, what it does, on what, and how much of it is enough."""

    name: str
    sentence: str
    acts_on: str
    count: int
    counted: str

    def run(self, count: int, announce: Callable[[Step], None]) -> Report:
        """Run it on the servers that the environment names. Raises NotLocal."""
        require_local(os.environ)
        report = Report(announce)
        try:
            import_module(f"infra.drills.{self.name}").prove(report, count)
        except Exception as error:  # noqa: BLE001  (the table has what was proved until then)
            found = f"It could not go on: {type(error).__name__}: {error}"[:2000]
            report.check("The drill runs to its end", found, holds=False)
        return report

    def as_json(self, report: Report, seconds: float) -> dict[str, Any]:
        """Return the outcome for programs."""
        return {
            "drill": self.name,
            "acts_on": self.acts_on,
            "holds": report.holds,
            "seconds": round(seconds, 1),
            "steps": [asdict(each) for each in report.steps],
        }
