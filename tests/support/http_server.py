"""The whole API on loopback, served by this process: for browsers, which want a real address."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from infra.local.ports import LOOPBACK
from tests.support.api_gateway import ApiGateway

WORKERS = 8  # a browser opens connections that it may never use


class _Server(WSGIServer):
    """A few threads serve everything: each has handlers and a connection of its own."""

    request_queue_size = 128  # many callers at once wait their turn, and need not connect again

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.use(WORKERS)

    def use(self, workers: int) -> None:
        """Serve so many requests at once, from the first one on."""
        self._number = workers
        self._workers = ThreadPoolExecutor(workers)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Hand it to a worker."""
        self._workers.submit(self._serve, request, client_address)

    def _serve(self, request: Any, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except OSError:  # the browser has left
            return
        finally:
            self.shutdown_request(request)

    def server_close(self) -> None:
        """Let the workers end, and close their connections."""
        super().server_close()
        barrier = threading.Barrier(self._number)
        for _ in range(self._number):
            self._workers.submit(_let_go, barrier)
        self._workers.shutdown(wait=True)


def _let_go(barrier: threading.Barrier) -> None:
    from commerce.runtime.db.current import database  # imported when the environment is set

    barrier.wait(30)  # so that each worker has one of these
    database().close()


class _Quiet(WSGIRequestHandler):
    timeout = 5  # of a connection that says nothing

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def serve_api(port: int = 0, workers: int = WORKERS) -> Iterator[str]:
    """Serve the API at a port, else at a free one; yields its URL, without a slash at its end."""
    with make_server(LOOPBACK, port, ApiGateway(), _Server, _Quiet) as server:
        server.use(workers)
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        try:
            yield f"http://{LOOPBACK}:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()
