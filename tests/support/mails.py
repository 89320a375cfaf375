"""The mails that moto's SES has taken, and users who are mailed."""

import os
import re
from dataclasses import dataclass
from html import unescape
from typing import Any
from uuid import UUID

import boto3
import urllib3

from commerce.runtime.db.pipeline import Row
from commerce.shared import clock
from tests.support.lambda_calls import (
    Answer,
    bus_message,
    call,
    function,
    lambda_context,
    sqs_event,
)
from tests.support.shop import rows

SENDER = "shop@example.com"
ENVELOPE = (
    "outbox.id, source, type, occurred_at, aggregate_id, aggregate_version, trace_id, outbox.data"
)
TOKEN = re.compile(r"<code>([^<]+)</code>")


@dataclass(frozen=True, slots=True)
class Received:
    """A mail as it arrived."""

    subject: str
    html: str

    @property
    def token(self) -> str:
        """The token in it."""
        [found] = TOKEN.findall(self.html)
        return unescape(found)


def verify_sender() -> None:
    """Let the mail service take mails from the shop."""
    boto3.client("ses").verify_email_identity(EmailAddress=SENDER)


def mails_to(email: str) -> list[Received]:
    """Return the mails that an address was sent."""
    url = f"{os.environ['AWS_ENDPOINT_URL']}/sent-mails"
    answer = urllib3.request("GET", url, fields={"to": email}, retries=False, timeout=30)
    return [Received(**each) for each in answer.json()]


def requests_of(user_id: object) -> list[dict[str, Any]]:
    """Return the envelopes of the events that asked for mails to a user, the oldest first."""
    sql = f"""
        SELECT {ENVELOPE} FROM outbox JOIN mail_token ON mail_token.id = aggregate_id
        WHERE user_id = $1 ORDER BY position
    """
    return [_envelope(row) for row in rows(sql, user_id)]


def newest_event(aggregate_id: object, event_type: str) -> dict[str, Any]:
    """Return the envelope of the last event of that type."""
    sql = f"""
        SELECT {ENVELOPE} FROM outbox WHERE aggregate_id = $1 AND type = $2
        ORDER BY position DESC LIMIT 1
    """
    [row] = rows(sql, UUID(str(aggregate_id)), event_type)
    return _envelope(row)


def _envelope(row: Row) -> dict[str, Any]:
    return {
        **row._asdict(),
        "id": str(row.id),
        "aggregate_id": str(row.aggregate_id),
        "occurred_at": clock.rfc3339(row.occurred_at),
    }


def deliver(envelope: dict[str, Any]) -> bool:
    """Deliver an event to the function that mails it; return whether it was consumed."""
    message = sqs_event(bus_message(envelope))
    is_of_account = envelope["source"] == "commerce.user"
    name = "on_mail_requested" if is_of_account else "on_purchase_progressed"
    answer = function(f"notification/{name}")(message, lambda_context(30))
    return not answer["batchItemFailures"]


def request_verification(token: str, language: str = "en") -> Answer:
    """POST /email-verifications."""
    headers = {"Accept-Language": language}
    path = "/email-verifications"
    return call("user/request_email_verification", "POST", path, token=token, headers=headers)


def confirm_email(token: str) -> Answer:
    """POST /email-verifications/confirmation."""
    path = "/email-verifications/confirmation"
    return call("user/confirm_email", "POST", path, body={"token": token})


def request_reset(email: str, language: str = "en") -> Answer:
    """POST /password-resets."""
    return call(
        "user/request_password_reset", "POST", "/password-resets",
        body={"email": email}, headers={"Accept-Language": language},
    )  # fmt: skip


def reset_password(token: str, new_password: str) -> Answer:
    """POST /password-resets/confirmation."""
    return call(
        "user/reset_password", "POST", "/password-resets/confirmation",
        body={"token": token, "new_password": new_password}, timeout_seconds=300,
    )  # fmt: skip


def a_bounce(email: str, kind: str = "Permanent") -> dict[str, Any]:
    """Make SES' notification of a mail that came back."""
    bounced = [{"emailAddress": email, "action": "failed", "status": "5.1.1"}]
    bounce = {"bounceType": kind, "bounceSubType": "General", "bouncedRecipients": bounced}
    return {"notificationType": "Bounce", "bounce": bounce, "mail": {"destination": [email]}}


def a_complaint(email: str, kind: str | None = "abuse") -> dict[str, Any]:
    """Make SES' notification of a mail that its recipient called spam."""
    complaint = {
        "complainedRecipients": [{"emailAddress": email}], "complaintFeedbackType": kind,
    }  # fmt: skip
    return {"notificationType": "Complaint", "complaint": complaint}


def report_feedback(*reports: Any) -> str:
    """Deliver what SES reports, as text or JSON: "done", or "again" where one was not taken."""
    answer = function("notification/on_mail_feedback")(sqs_event(*reports), lambda_context(30))
    return "again" if answer["batchItemFailures"] else "done"
