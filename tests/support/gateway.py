"""A payment gateway of the test's own: the simulator, served from a thread."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import Any

from commerce.payment.breaker import Call, Permit, Rejected
from infra.local.gateway import Behaviour, Gateway, GatewayServer, Mode
from infra.local.ports import LOOPBACK

FAST = 0.02  # requests take 2 to 10 ms, results 20 to 100 ms


@dataclass(frozen=True, slots=True)
class RunningGateway:
    """Its requests, its transactions and its behaviour."""

    system: Gateway
    url: str
    secret: str

    def behave(self, mode: Mode, times: int | None = None, **more: Any) -> None:
        """Meet the next requests differently."""
        self.system.change_behaviour(Behaviour(mode, times, **more))

    def transactions(self, order_id: object = None) -> list[dict[str, Any]]:
        """Everything it holds, or what it holds of an order, oldest first."""
        wanted = None if order_id is None else str(order_id)
        return [each.known for each in self.system.transactions(wanted)]

    def outcomes(self, order_id: object = None, method: str = "POST") -> list[str]:
        """Return the outcome of each request, oldest first."""
        items = self.system.requests(None if order_id is None else str(order_id))["items"]
        return [each["outcome"] for each in items if each["method"] == method]


@contextmanager
def a_gateway(mode: Mode = "default", *, time_scale: float = FAST) -> Iterator[RunningGateway]:
    """Serve it on a free port for as long as the block lasts."""
    secret = secrets.token_urlsafe(16)
    system = Gateway(secret, time_scale=time_scale)
    system.change_behaviour(Behaviour(mode))
    server = GatewayServer(system, 0)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield RunningGateway(system, f"http://{LOOPBACK}:{server.server_port}", secret)
    finally:
        server.shutdown()
        system.close()
        server.server_close()
        thread.join()


class AlwaysClosed:
    """A breaker that admits everything, and keeps what is reported."""

    def __init__(self) -> None:
        self.reported: list[Call] = []

    def admit(self) -> Permit | Rejected:
        """Let it through."""
        return Permit(0)

    def report(self, permit: Permit, calls: Sequence[Call]) -> None:
        """Keep it."""
        self.reported.extend(calls)
