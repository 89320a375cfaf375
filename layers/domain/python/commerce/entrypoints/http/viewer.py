"""The viewer of a page that anyone may see, and what is recorded once it was shown."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus

from commerce.entrypoints.http.request import IncomingRequest
from commerce.entrypoints.http.responses import Answer
from commerce.runtime import tokens


@dataclass(frozen=True, slots=True)
class Viewer:
    """The caller of a request, signed in or not."""

    request: IncomingRequest
    _records: list[Callable[[], None]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The user of a valid token, else address and user agent."""
        if authorization := self.request.headers.get("authorization"):
            with suppress(Exception):  # a public page is shown whatever is wrong with the token
                return f"user {tokens.verify(tokens.bearer(authorization)).user_id}"
        return f"{self.request.source_ip} {self.request.headers.get('user-agent', '')}"

    def when_shown(self, record: Callable[[str, str], None], shown: str) -> None:
        """Call `record` with `shown` and the name once the answer is shown: not a 304, nor HEAD."""
        self._records.append(partial(record, shown, self.name))

    def end(self, answer: Answer) -> None:
        """Record what the answer shows."""
        is_read = self.request.event["httpMethod"] == "GET"
        if is_read and answer["statusCode"] == HTTPStatus.OK:
            for record in self._records:
                record()
