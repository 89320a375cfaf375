"""One HTTP call to the payment gateway, and what is certain after it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from commerce.runtime.deadline import Deadline

# spec §6.
CONNECT_SECONDS = 1.0
READ_SECONDS = 3.0
_ANSWER_BYTES = 65536

Json = dict[str, Any]


class NotReached(Exception):
    """No connection was made: the gateway certainly has no request."""


class NoAnswer(Exception):
    """The request was sent, perhaps in part, and no whole answer came: anything may be true."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The status, and the contents of the gateway's envelope if there was one.

    `error_code` is set if the gateway itself refused, and not a proxy in front of it.
    """

    status: int
    data: Json | None = None
    error_code: str | None = None

    @classmethod
    def parse(cls, status: int, content: bytes) -> "Answer":
        """Read meta{result, errorCode, message} and data; without them the status is all."""
        try:
            envelope = json.loads(content)
            data, meta = envelope["data"], envelope["meta"]
            error = str(meta["errorCode"]) if meta["result"] == "FAIL" else None
        except (ValueError, TypeError, KeyError):
            return cls(status)
        return cls(status, data if isinstance(data, dict) else None, error)


class Transport:
    """Sends requests below one URL, within the time-outs of spec §6 or by an earlier deadline."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        # One connection per call: a reused one that broke while this function was frozen would
        # look like a gateway that took the request and does not answer.
        self._http = urllib3.PoolManager(retries=False, headers={"Connection": "close"})

    def send(
        self,
        method: str,
        path: str,
        deadline: Deadline,
        *,
        body: Json | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request. Raises NotReached, NoAnswer; neither shows what was in the body."""
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
    # The read time-out is per chunk: without a deadline a trickling body would never end.
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
