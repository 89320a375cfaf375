"""moto's server with queues that many may use at once.

moto looks whether a message is visible and then hides it, with nothing in between that keeps a
second receiver out: under load it hands one message to two. SQS may do so too, and consumers of
ours claim what they do because of it; but tests that count who got a message need a queue where
whoever has it in hand has it alone.

`GET /sent-mails?to=ADDRESS` answers the mails to one address: moto's own page of them,
/moto-api/data.json, has everything of every service, megabytes late in a run.

Like the emulator of `make up`, it answers no web page.
"""

import json
import runpy
import threading
import time
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import moto.backends
import moto.server
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.ses.models import ses_backends
from moto.sqs.models import Message, SQSBackend

SENT_MAILS = "/sent-mails"
POLL_SECONDS = 0.05
CHANGES = ("send_message", "delete_message", "change_message_visibility")

CALLERS = Path(__file__).parents[2] / "infra" / "local" / "callers.py"
CHECKED = {"HTTP_HOST": "Host", "HTTP_ORIGIN": "Origin", "HTTP_SEC_FETCH_SITE": "Sec-Fetch-Site"}

refusal = runpy.run_path(str(CALLERS))["refusal"]

_one_at_a_time = threading.RLock()
_receive = SQSBackend.receive_message


def _receive_alone(
    self: SQSBackend, queue_name: str, count: int, wait_seconds: int, *options: Any
) -> list[Message]:
    """Poll without moto's own waiting, which would keep the lock."""
    ends_at = time.monotonic() + wait_seconds
    while True:
        with _one_at_a_time:
            found = _receive(self, queue_name, count, 0, *options)
        if found or time.monotonic() > ends_at:
            return found
        time.sleep(POLL_SECONDS)


def _alone(change: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(change)
    def alone(*arguments: Any, **options: Any) -> Any:
        with _one_at_a_time:
            return change(*arguments, **options)

    return alone


def _is_kept(self: SQSBackend, queue_name: str, message: Message) -> bool:
    """Return what moto does, which counts all of the queue's messages for each of them."""
    seconds = int(vars(self.get_queue(queue_name))["message_retention_period"])
    return seconds + int(message.sent_timestamp or 0) / 1000 > time.time()


@cache
def _moto_modules() -> tuple[str, ...]:
    """Return what moto reads from its folder anew for each request."""
    return tuple(_list_of_moto_modules())


_list_of_moto_modules = moto.backends.list_of_moto_modules


def _mails_to(address: str) -> list[dict[str, str]]:
    """Return what SES has sent to an address in any region, the oldest first in each."""
    return [
        {"subject": mail.subject, "html": mail.body}
        for account in ses_backends.values()
        for ses in account.values()
        for mail in list(ses.sent_messages)
        if any(address in to for to in mail.destinations.values())
    ]


class Guarded(DomainDispatcherApplication):
    """moto, which answers any origin by itself, with the mails to one address."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Answer 403 to what a web page sent."""
        sent = [(name, environ[key]) for key, name in CHECKED.items() if key in environ]
        reason = refusal(sent)
        if reason is not None:
            start_response("403 FORBIDDEN", [("Content-Type", "text/plain")])
            return [reason.encode()]
        if environ.get("PATH_INFO") != SENT_MAILS:
            return super().__call__(environ, start_response)
        [address] = parse_qs(environ["QUERY_STRING"])["to"]
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(_mails_to(address)).encode()]


if __name__ == "__main__":
    SQSBackend.receive_message = _receive_alone  # type: ignore[method-assign,assignment]
    SQSBackend.is_message_valid_based_on_retention_period = _is_kept  # type: ignore[method-assign]
    moto.backends.list_of_moto_modules = _moto_modules
    for each in CHANGES:
        setattr(SQSBackend, each, _alone(getattr(SQSBackend, each)))
    vars(moto.server)["DomainDispatcherApplication"] = Guarded
    moto.server.main()
