"""A client of the HTTP API, as a caller would write one."""

import json
from dataclasses import dataclass, field
from typing import Any

import urllib3

from infra.local.errors import LocalError

CONNECT_TIMEOUT_SECONDS = 2
READ_TIMEOUT_SECONDS = 120  # a function's first call on a busy machine takes a while

Json = dict[str, Any]


class ApiRefused(LocalError):
    """The API answered with a problem instead of what was asked for."""

    def __init__(self, method: str, path: str, status: int, problem: Json) -> None:
        reason = " ".join(str(problem[name]) for name in ("code", "detail") if problem.get(name))
        request_id = problem.get("request_id", "unknown")
        super().__init__(f"{method} {path} answered {status} {reason} (request {request_id})")
        self.status = status
        self.code = problem.get("code")


@dataclass(slots=True)
class Api:
    """The API at a base URL, called as the owner of a token or as anyone."""

    base_url: str
    token: str | None = None
    _http: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(
            maxsize=16,
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_SECONDS, read=READ_TIMEOUT_SECONDS),
        )
    )

    def as_owner_of(self, token: str) -> "Api":
        """Return the same API, called with another token."""
        return Api(self.base_url, token, self._http)

    def call(
        self, method: str, path: str, body: Json | None = None, key: str | None = None
    ) -> Json:
        """Make a request and return the JSON answer.

        Raises ApiRefused on any status from 400, LocalError where there is no answer.
        """
        status, answer = self.request(method, path, body, key)
        if status >= 400:
            raise ApiRefused(method, path, status, answer)
        return answer

    def request(
        self, method: str, path: str, body: Json | None = None, key: str | None = None
    ) -> tuple[int, Json]:
        """Make a request and return its status and JSON answer, whatever they are."""
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if key:
            headers["Idempotency-Key"] = key
        content = None if body is None else json.dumps(body)
        try:
            response = self._http.request(
                method, self.base_url + path, body=content, headers=headers
            )
        except urllib3.exceptions.HTTPError as error:
            raise LocalError(f"{method} {path} got no answer: {error}") from error
        return response.status, _json(response.data)


def _json(data: bytes) -> Json:
    try:
        answer = json.loads(data)
    except ValueError:
        answer = None
    return answer if isinstance(answer, dict) else {"detail": data.decode(errors="replace")[:500]}
