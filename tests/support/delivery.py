"""A delivery system of the test's own: the simulator, served from a thread."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import Any
from uuid import UUID

from infra.local.delivery import Behaviour, DeliveryServer, DeliverySystem, Mode
from infra.local.ports import LOOPBACK


@dataclass(frozen=True, slots=True)
class Delivery:
    """The notices that it received, and its behaviour."""

    system: DeliverySystem
    url: str
    secret: str

    def kinds(self, order_id: str | UUID) -> list[str]:
        """The kinds of the order's notices, in the order they were received."""
        return [notice["kind"] for notice in self.system.notices(str(order_id))]

    def received(self, order_id: str | UUID) -> list[dict[str, Any]]:
        """Return the order's notices with their content, in the order they were received."""
        return self.system.notices(str(order_id))

    def tries(self, order_id: str | UUID) -> list[tuple[str, str]]:
        """(kind, outcome) of every request about the order."""
        return [(each["kind"], each["outcome"]) for each in self.system.requests(str(order_id))]

    def signed_at(self, order_id: str | UUID) -> list[int]:
        """Return the time for which each request about the order was signed."""
        return [int(each["signed_at"]) for each in self.system.requests(str(order_id))]

    def behave(self, mode: Mode, times: int | None = None, **more: Any) -> None:
        """Meet the next notices differently."""
        self.system.change_behaviour(Behaviour(mode, times, **more))


@contextmanager
def a_delivery_system() -> Iterator[Delivery]:
    """Serve it on a free port for as long as the block lasts."""
    secret = secrets.token_urlsafe(16)
    system = DeliverySystem([secret])
    server = DeliveryServer(system, 0)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield Delivery(system, f"http://{LOOPBACK}:{server.server_port}", secret)
    finally:
        system.change_behaviour(Behaviour())
        server.shutdown()
        server.server_close()
        thread.join()
