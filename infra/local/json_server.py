"""JSON over HTTP on a loopback port, in threads, for the simulators of external systems."""

import json
import select
import signal
import socket
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

from infra.local.callers import refusal
from infra.local.errors import LocalError
from infra.local.ports import LOOPBACK, container_hosts, require_free

BODY_LIMIT_BYTES = 256 * 1024

Json: TypeAlias = dict[str, Any]
Answer: TypeAlias = tuple[HTTPStatus, Json | str]
"""A status, and an object to be sent as JSON or a page to be sent as HTML."""
Route: TypeAlias = Callable[[], Answer | None]


class Refused(Exception):
    """A request that the simulator does not accept: a status and the reason."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class JsonServer(ThreadingHTTPServer):
    """One thread per connection, on loopback only; port 0 is any that is free."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, handler: type["JsonHandler"], port: int) -> None:
        super().__init__((LOOPBACK, port), handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of callers who did not wait for their answer."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class JsonHandler(BaseHTTPRequestHandler):
    """One connection: routes by path, JSON in and out, refusals as JSON."""

    protocol_version = "HTTP/1.1"
    sys_version = ""
    wbufsize = -1  # one packet per answer
    page_policy: str | None = None
    """The Content-Security-Policy of its pages."""
    _body_is_read = False

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Write the access log as one line with the time first."""
        print(now(), format % args, flush=True)

    def parse_request(self) -> bool:
        """Read the request's head; refuse what a web page sent, whatever the method."""
        if not super().parse_request():
            return False
        self._body_is_read = False
        reason = refusal(self.headers.items(), container_hosts=container_hosts())
        if reason is None:
            return True
        refused = Refused(HTTPStatus.FORBIDDEN, reason)
        self.close_connection = True
        self._send(refused.status, self.refusal(refused))
        return False

    def do_GET(self) -> None:
        """Answer by the route of the path."""
        self._answer()

    def do_POST(self) -> None:
        """Answer by the route of the path."""
        self._answer()

    def do_PUT(self) -> None:
        """Answer by the route of the path."""
        self._answer()

    def route(self, method: str, path: str) -> Route | None:
        """Return what answers this path; its None drops the connection without an answer."""
        raise NotImplementedError

    def refusal(self, refusal: Refused) -> Json:
        """Return the body that tells of a refusal."""
        return {"error": refusal.status.phrase, "detail": str(refusal)}

    def asked_for(self, name: str) -> str | None:
        """Return a value of the query, None where it is not given."""
        return parse_qs(urlsplit(self.path).query).get(name, [None])[0]

    def json_body(self) -> Json:
        """Read the body. Raises Refused where it is no JSON object, or too large."""
        return parsed(self.raw_body())

    def raw_body(self) -> bytes:
        """Read the body's bytes. Raises Refused where they are too many."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "Content-Length is missing")
        if int(length) > BODY_LIMIT_BYTES:
            raise Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is over {BODY_LIMIT_BYTES} bytes"
            )
        self._body_is_read = True
        return self.rfile.read(int(length))

    def client_waits(self) -> bool:
        """Tell whether the caller still holds the connection open."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        return not readable or bool(self.connection.recv(1, socket.MSG_PEEK))

    def _answer(self) -> None:
        self._body_is_read = False
        route = self.route(self.command, urlsplit(self.path).path)
        try:
            answer = (route or self._refuse_path)()
        except Refused as refusal:
            answer = refusal.status, self.refusal(refusal)
        if answer is None:
            self.close_connection = True
        else:
            self._send(*answer)

    def _send(self, status: HTTPStatus, body: Json | str) -> None:
        is_page = isinstance(body, str)
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        if not self._body_is_read and self.headers.get("Content-Length", "0") != "0":
            self.close_connection = True  # an unread body would be taken for the next request
        self.send_response(status)
        content_type = "text/html; charset=utf-8" if is_page else "application/json"
        self.send_header("Content-Type", content_type)
        if is_page and self.page_policy is not None:
            self.send_header("Content-Security-Policy", self.page_policy)
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def _refuse_path(self) -> None:
        raise Refused(HTTPStatus.NOT_FOUND, f"there is no {self.command} {self.path}")


def parsed(content: bytes) -> Json:
    """Return a body's JSON object. Raises Refused where it is none."""
    try:
        body = json.loads(content)
    except ValueError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, f"the body is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise Refused(HTTPStatus.BAD_REQUEST, "the body must be a JSON object")
    return body


def serve_until_signal(
    name: str, variable: str, port: int, server: Callable[[], JsonServer]
) -> None:
    """Serve until SIGINT or SIGTERM; end with an error where the port is in use."""
    try:
        require_free(variable, port)
    except LocalError as error:
        sys.exit(str(error))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    running = server()
    print(f"{now()} {name} on http://{LOOPBACK}:{running.server_port}", flush=True)
    try:
        running.serve_forever(poll_interval=0.1)
    except KeyboardInterrupt:
        print(f"{now()} ended", flush=True)


def listens(port: int) -> bool:
    """Tell whether somebody listens on the loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def invalid(detail: str) -> Refused:
    """Return the refusal of a value."""
    return Refused(HTTPStatus.UNPROCESSABLE_ENTITY, detail)


def is_integer(value: object) -> bool:
    """Tell a whole number from everything else, booleans included."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Tell a number from everything else, booleans included."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def now() -> str:
    """Return the moment as RFC 3339 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
