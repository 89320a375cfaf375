"""How the payment gateway is asked: one call, and what is certain after it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from commerce.payment.deadline import Deadline

# SPEC §5.
CONNECT_SECONDS = 1.0
READ_SECONDS = 3.0
_ANSWER_BYTES = 65536

Json = dict[str, Any]


class NotReached(Exception):
    """No connection was made: the gateway has surely not been asked."""


class NoAnswer(Exception):
    """The question was sent, or a part of it, and no whole answer came: anything may be true."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, and what the gateway's envelope holds where there is one.

    `error_code` is there where the gateway itself says no, and not a proxy before it.
    """

    status: int
    data: Json | None = None
    error_code: str | None = None

    @classmethod
    def parse(cls, status: int, content: bytes) -> "Answer":
        """Read meta{result, errorCode, message} + data; without them there is a status alone."""
        try:
            envelope = json.loads(content)
            data, meta = envelope["data"], envelope["meta"]
            error = str(meta["errorCode"]) if meta["result"] == "FAIL" else None
        except (ValueError, TypeError, KeyError):
            return cls(status)
        return cls(status, data if isinstance(data, dict) else None, error)


class Transport:
    """Asks below one URL, within 1 s to connect and 3 s for the answer, or by a deadline."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        # A connection per call: a kept one that broke while this function was frozen would look
        # like a gateway that has the request and does not answer.
        self._http = urllib3.PoolManager(retries=False, headers={"Connection": "close"})

    def ask(
        self,
        method: str,
        path: str,
        deadline: Deadline,
        *,
        body: Json | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask once. Raises NotReached, NoAnswer; neither tells what was in the body."""
        left = max(deadline.left_seconds, 0.001)
        timeout = urllib3.Timeout(left, CONNECT_SECONDS, READ_SECONDS)
        try:
            answer = self._http.request(
                method,
                self._url + path,
                json=body,
                headers={"Connection": "close", **(headers or {})},
                timeout=timeout,
                redirect=False,
                preload_content=False,
            )
            try:
                content = _read(answer, Deadline.within(min(left, READ_SECONDS)))
            finally:
                answer.close()
        except (NewConnectionError, ConnectTimeoutError) as error:
            raise NotReached(_name(error)) from None
        except HTTPError as error:
            raise NoAnswer(_name(error)) from None
        return Answer.parse(answer.status, content)


def _read(answer: urllib3.BaseHTTPResponse, deadline: Deadline) -> bytes:
    """The whole body, however it trickles. Raises NoAnswer."""
    content = b""
    while part := answer.read1(_ANSWER_BYTES):
        content += part
        if len(content) > _ANSWER_BYTES or not deadline.left_seconds:
            raise NoAnswer("an answer without end")
    return content


def _name(error: Exception) -> str:
    return {
        "NewConnectionError": "no connection",
        "NameResolutionError": "no such host",
        "ConnectTimeoutError": "no connection in time",
        "ReadTimeoutError": "no answer in time",
        "ProtocolError": "the connection broke",
    }.get(type(error).__name__, type(error).__name__)
