"""Operators' requests to the API, on queues of the test's own."""

import os
import secrets
from typing import Any
from urllib.parse import quote

import boto3
import pytest

from commerce.app.alerts.record import raised
from commerce.runtime.alerts import Alert
from commerce.runtime.messaging import failing
from commerce.runtime.messaging.failing import SUFFIX, Failing
from commerce.shared import clock
from tests.support.dead_letters import DeadQueue, a_dead_queue
from tests.support.lambda_calls import Answer, call
from tests.support.shop import Person, an_admin

NAME = "shipping-order-confirmed"


def a_console_queue(monkeypatch: pytest.MonkeyPatch) -> DeadQueue:
    """Configure the functions for a new stack with one queue, and the schedules' dead letters."""
    dead = a_dead_queue(NAME)
    for name, value in settings_of(dead).items():
        monkeypatch.setenv(name, value)
    return dead


def settings_of(dead: DeadQueue) -> dict[str, str]:
    """Return the environment variables that configure the functions for its stack."""
    sqs = boto3.client("sqs", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    sqs.create_queue(QueueName=f"{dead.stack}-schedule-dead-letters")
    relay_url = sqs.create_queue(QueueName=f"{dead.stack}-outbox-nudge")["QueueUrl"]
    return {
        "RELAY_QUEUE_URL": relay_url,
        "QUEUES": NAME,
        "DEAD_LETTER_ONLY_QUEUES": "schedule",
        "LOG_GROUP_NAME": f"/lastunit/{secrets.token_hex(4)}",
    }


def list_queues(by: Person | None = None) -> Answer:
    """Call GET /admin/dead-letters."""
    return _send("list_queues", "GET", "/admin/dead-letters", by)


def list_dead_letters(queue: str = NAME, query: str = "") -> Answer:
    """Call GET /admin/dead-letters/{queue}."""
    return _send("list_dead_letters", "GET", f"/admin/dead-letters/{queue}{query}")


def search(query: str = "", queue: str = NAME) -> Answer:
    """Call GET /admin/dead-letters/{queue}/search."""
    return _send("list_dead_letters", "GET", f"/admin/dead-letters/{queue}/search{query}")


def redrive(
    ids: list[str] | str, by: Person | None = None, queue: str = NAME, **more: Any
) -> Answer:
    """Call POST /admin/dead-letters/{queue}/redrive, with kind, cause or rate."""
    path = f"/admin/dead-letters/{queue}/redrive"
    return _send("redrive_dead_letters", "POST", path, by, {"message_ids": ids, **more})


def continue_redrive(redrive_id: str, by: Person | None = None, queue: str = NAME) -> Answer:
    """Call POST /admin/dead-letters/{queue}/redrive/{redrive_id}."""
    return _on_redrive(redrive_id, by, queue)


def cancel_redrive(redrive_id: str, by: Person | None = None, queue: str = NAME) -> Answer:
    """Call POST /admin/dead-letters/{queue}/redrive/{redrive_id}/cancellation."""
    return _on_redrive(redrive_id, by, queue, "/cancellation")


def _on_redrive(redrive_id: str, by: Person | None, queue: str, act: str = "") -> Answer:
    path = f"/admin/dead-letters/{queue}/redrive/{redrive_id}{act}"
    resource = f"/admin/dead-letters/{{queue}}/redrive/{{redrive_id}}{act}"
    return _send("redrive_dead_letters", "POST", path, by, resource=resource)


def note_cause(message_id: str, cause: str, queue: str = NAME) -> None:
    """Note the cause of a dead letter as its consumer does at the last failure."""
    now = clock.now()
    failing.note([Failing(message_id, f"{queue}{SUFFIX}", 5, cause, "", now, now)], [])


def discard(
    ids: list[str] | str,
    reason: str,
    by: Person | None = None,
    queue: str = NAME,
    kinds: dict[str, int] | None = None,
) -> Answer:
    """Call POST /admin/dead-letters/{queue}/discard, of each kind at most so many."""
    path = f"/admin/dead-letters/{queue}/discard"
    body: dict[str, Any] = {"message_ids": ids, "reason": reason}
    if kinds is not None:
        body["kinds"] = [{"kind": kind, "count": count} for kind, count in kinds.items()]
    return _send("discard_dead_letters", "POST", path, by, body)


def count_kinds(queue: str = NAME) -> Answer:
    """Call GET /admin/dead-letters/{queue}/kinds."""
    return _send("list_dead_letters", "GET", f"/admin/dead-letters/{queue}/kinds")


def list_discarded(query: str = "", by: Person | None = None) -> Answer:
    """Call GET /admin/discarded-messages."""
    return _send("list_dead_letters", "GET", f"/admin/discarded-messages{query}", by)


def restore(ids: list[str], by: Person | None = None, queue: str = NAME) -> Answer:
    """Call POST /admin/dead-letters/{queue}/restore."""
    path = f"/admin/dead-letters/{queue}/restore"
    return _send("redrive_dead_letters", "POST", path, by, {"message_ids": ids})


def overview() -> Answer:
    """Call GET /admin/overview."""
    return _send("get_overview", "GET", "/admin/overview")


def sales() -> Answer:
    """Call GET /admin/sales."""
    return _send("get_sales", "GET", "/admin/sales")


def order_as_admin(order_id: str) -> Answer:
    """Call GET /admin/orders/{order_id}."""
    return _send("get_order_as_admin", "GET", f"/admin/orders/{order_id}")


def requeue(event_id: str, by: Person | None = None) -> Answer:
    """Call POST /admin/set-aside/{event_id}/put-back."""
    return _send("requeue_event", "POST", f"/admin/set-aside/{event_id}/put-back", by)


def discard_event(event_id: str, reason: str, by: Person | None = None) -> Answer:
    """Call POST /admin/set-aside/{event_id}/discard."""
    path = f"/admin/set-aside/{event_id}/discard"
    return _send("discard_event", "POST", path, by, {"reason": reason})


def event(event_id: str, by: Person | None = None) -> Answer:
    """Call GET /admin/events/{event_id}."""
    return _send("list_dead_letters", "GET", f"/admin/events/{event_id}", by)


def find(text: str, by: Person | None = None) -> Answer:
    """Call GET /admin/find."""
    return _send("find_by_id", "GET", f"/admin/find?text={quote(text)}", by)


def _send(
    name: str,
    method: str,
    path: str,
    by: Person | None = None,
    body: Any = None,
    resource: str | None = None,
) -> Answer:
    token = (by or an_admin()).token
    return call(f"operations/{name}", method, path, token=token, body=body, resource=resource)


def order_timeline(order_id: str, by: Person | None = None) -> Answer:
    """Call GET /admin/orders/{order_id}/timeline."""
    return _send("list_dead_letters", "GET", f"/admin/orders/{order_id}/timeline", by)


def alerts(query: str = "", by: Person | None = None) -> Answer:
    """Call GET /admin/alerts."""
    return _send("list_alerts", "GET", f"/admin/alerts{query}", by)


def trends(by: Person | None = None) -> Answer:
    """Call GET /admin/trends."""
    return _send("list_alerts", "GET", "/admin/trends", by)


def an_alert(code: str, about: str) -> Any:
    """Raise an alert, and return it as operators see it."""
    raised(Alert(code, about, "Something is wrong.", {}, "dead-letters.md", "letters"))
    return next(
        each
        for each in alerts("?limit=100").json["items"]
        if (each["code"], each["about"]) == (code, about)
    )


def acknowledge(alert_id: str, note: str, by: Person | None = None, **headers: str) -> Answer:
    """Call POST /admin/alerts/{alert_id}/acknowledgement."""
    return _on_alert(
        "acknowledge_alert", f"{alert_id}/acknowledgement", {"note": note}, by, headers
    )


def silence(
    alert_id: str,
    until: str | None,
    reason: str = "The provider is down",
    by: Person | None = None,
    **headers: str,
) -> Answer:
    """Call POST /admin/alerts/{alert_id}/silence."""
    body = {"until": until, "reason": reason}
    return _on_alert("silence_alert", f"{alert_id}/silence", body, by, headers)


def _on_alert(
    name: str, path: str, body: Any, by: Person | None, headers: dict[str, str]
) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return call(
        f"operations/{name}",
        "POST",
        f"/admin/alerts/{path}",
        token=(by or an_admin()).token,
        body=body,
        headers=named,
    )
