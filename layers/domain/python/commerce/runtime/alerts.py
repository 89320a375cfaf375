"""Alerts: messages to the operators about what only a person can repair."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from commerce.runtime import settings
from commerce.runtime.aws import client
from commerce.runtime.idempotency import Claim

logger = logging.getLogger(__name__)

_SUBJECT_LIMIT = 100  # SNS: ASCII, no longer than this


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert, identified by `code` and `about`.

    `runbook` is a file of docs/runbooks. `link` is what follows the console's # where it shows what
    the alert is about.
    """

    code: str
    about: str
    summary: str
    facts: Mapping[str, str]
    runbook: str
    link: str

    @property
    def claim(self) -> Claim:
        """The claim by which it is sent once."""
        return Claim(f"alert {self.code}", self.about)


def publish(alert: Alert, *, is_hurried: bool = False) -> None:
    """Log the alert, then publish it to the topic OPS_TOPIC_ARN. Raises what its client raises.

    `is_hurried` tries once, for a second with the connection, for a caller who waits.
    """
    message = {
        "alert": alert.code,
        "summary": alert.summary,
        **alert.facts,
        "console": f"{settings.text('CONSOLE_URL', '/console')}#{alert.link}",
        "runbook": f"docs/runbooks/{alert.runbook}",
    }
    logger.warning("alert %s", json.dumps(message, ensure_ascii=False))
    topic = client("sns", attempts=1, answer_within_seconds=0.5) if is_hurried else client("sns")
    subject = f"{alert.code} {alert.about}".encode("ascii", "replace").decode()
    topic.publish(
        TopicArn=settings.text("OPS_TOPIC_ARN"),
        Subject=subject[:_SUBJECT_LIMIT],
        Message=json.dumps(message, indent=2, ensure_ascii=False),
    )
