"""Circuit breakers on the run's Valkey, each test's under a name of its own."""

import os
import time
from collections.abc import Sequence
from uuid import uuid4

from commerce.payment.breaker import (
    Call,
    Permit,
    Policy,
    Rejected,
    StateChange,
    ValkeyBreaker,
)
from commerce.runtime.cache.valkey import Valkey

WELL = Call(0.1)
FAILED = Call(0.1, "HTTP 500")
SLOW = Call(2.5)
SOON = Policy(open_seconds=0.2)


class WatchedBreaker(ValkeyBreaker):
    """A breaker that keeps its changes; others of the same name share its state."""

    def __init__(self, name: str = "", policy: Policy = SOON, url: str = "") -> None:
        self.name = name or f"test-{uuid4()}"
        self.policy = policy
        self.changes: list[StateChange] = []
        self.valkey = Valkey(lambda: url or os.environ["VALKEY_URL"])
        super().__init__(self.valkey, policy, self.changes.append, self.name)

    def another(self) -> "WatchedBreaker":
        """The same breaker in another execution environment."""
        return WatchedBreaker(self.name, self.policy)

    def call(self, *calls: Call) -> bool:
        """Make a request with these calls, where that is allowed; tells whether it was."""
        permit = self.admit()
        if isinstance(permit, Rejected):
            return False
        self.report(permit, calls)
        return True

    def calls(self, calls: Sequence[Call]) -> int:
        """Make as many requests, each of one call; how many were let through."""
        return sum(self.call(call) for call in calls)

    def admitted(self, within_seconds: float = 5) -> Permit:
        """A permit, as soon as there is one."""
        deadline = time.monotonic() + within_seconds
        while isinstance(permit := self.admit(), Rejected):
            assert time.monotonic() < deadline, "it stays open"
            time.sleep(0.01)
        return permit

    @property
    def states(self) -> list[tuple[str, str]]:
        """The changes of state that this breaker object caused."""
        return [(change.before.value, change.after.value) for change in self.changes]
