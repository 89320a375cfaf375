"""A beacon of the test's own: the simulator, served from a thread."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from infra.local.beacon import BeaconServer, relay_urls
from infra.local.ports import LOOPBACK


@contextmanager
def a_beacon() -> Iterator[tuple[BeaconServer, str]]:
    """Serve it on a free port for as long as the block lasts; yield it and its relays' URLs."""
    server = BeaconServer(0)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server, relay_urls(f"http://{LOOPBACK}:{server.server_port}")
    finally:
        server.behave("ok")
        server.shutdown()
        server.server_close()
        thread.join()
