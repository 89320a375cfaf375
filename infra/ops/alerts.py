"""Alerts: what was raised in seven days, who looks after it, and what is silenced."""

import argparse
from datetime import datetime
from typing import Any

from infra.arguments import whole_number
from infra.ops.acts import act, moment
from infra.ops.command import DONE, FOUND, Answer, add_command, add_group
from infra.ops.target import OpsError, Target
from infra.ops.terminal import people, show_table

LISTED = 50
PAGE = 100


def add_to(commands: Any) -> None:
    """Add the command `alerts` with its actions."""
    alerts = add_group(commands, "alerts", "what was alerted in seven days")
    listed = add_command(alerts, "list", list_alerts, show, "the alerts, the newest first")
    listed.add_argument("--limit", type=whole_number, default=LISTED, help="so many")
    listed.add_argument("--current", action="store_true", help="those that stand, none else")
    acked = add_command(alerts, "ack", acknowledge, show, "say who looks after an alert")
    acked.add_argument("id", metavar="ID")
    acked.add_argument("--note", required=True, help="shown to everybody at the console")
    silenced = add_command(alerts, "silence", silence, show, "do not count an alert as wrong")
    silenced.add_argument("id", metavar="ID")
    until = silenced.add_mutually_exclusive_group(required=True)
    until.add_argument("--until", type=moment, metavar="MOMENT", help="2026-11-30T09:00:00Z")
    until.add_argument("--end", action="store_true", help="end the silence now")
    silenced.add_argument("--reason", required=True, help="kept in the audit")


def list_alerts(target: Target, options: argparse.Namespace) -> Answer:
    """List alerts; exits with 1 if one stands that is not silenced."""
    target.use_database()
    from commerce.app.operations import alerts_of_a_week
    from commerce.app.transactions import in_transaction

    found: list[dict[str, Any]] = []
    after: str | None = None
    while len(found) < options.limit:
        page = in_transaction(alerts_of_a_week, limit=PAGE, after=after)
        found += [
            each.model_dump(mode="json")
            for each in page.items
            if each.is_current or not options.current
        ]
        after = page.next_cursor
        if after is None:
            break
    found = found[: options.limit]
    is_wrong = any(each["is_current"] and not each["silence"] for each in found)
    return FOUND if is_wrong else DONE, {"alerts": found}


def acknowledge(target: Target, options: argparse.Namespace) -> Answer:
    """Acknowledge an alert, audited."""
    with act(target, "alerts ack", options.id) as by:
        from commerce.app.operations import AcknowledgeAlert, acknowledge_alert

        command = _command(AcknowledgeAlert, note=options.note)
        return _changed(acknowledge_alert, options.id, command, by)


def silence(target: Target, options: argparse.Namespace) -> Answer:
    """Silence an alert until a moment, or end that, audited."""
    with act(target, "alerts silence", options.id) as by:
        from commerce.app.operations import SilenceAlert, silence_alert
        from commerce.shared import clock

        until: datetime | None = options.until
        said = clock.rfc3339(until) if until else None
        command = _command(SilenceAlert, until=said, reason=options.reason)
        return _changed(silence_alert, options.id, command, by)


def _command(kind: Any, **values: Any) -> Any:
    from pydantic import ValidationError

    try:
        return kind.model_validate(values)
    except ValidationError as error:
        words = "; ".join(f"{each['loc'][0]}: {each['msg']}" for each in error.errors())
        raise OpsError(words) from error


def _changed(use_case: Any, alert_id: str, command: Any, by: str) -> Answer:
    from commerce.app.transactions import in_transaction

    alert = in_transaction(use_case, alert_id, command, by=by)
    return DONE, {"alerts": [alert.model_dump(mode="json")]}


def show(answer: dict[str, Any]) -> None:
    """Print the alerts, with what was done about each."""
    rows = [
        (
            each["alert_id"], f"{each['code']} {each['about']}", each["summary"],
            each["first_at"], "stands" if each["is_current"] else each["last_at"],
            each["count"], _handled(each), f"docs/runbooks/{each['runbook']}",
        )
        for each in answer["alerts"]
    ]  # fmt: skip
    columns = ["id", "alert", "summary", "first", "last", "times", "handled", "runbook"]
    if rows:
        show_table(columns, rows)
    people.print(f"{len(rows)} alert{'' if len(rows) == 1 else 's'}")


def _handled(alert: dict[str, Any]) -> str:
    done, silenced = alert["acknowledgement"], alert["silence"]
    parts = [f"{done['by']} {done['at']}: {done['note']}"] if done else []
    if silenced:
        parts.append(f"silenced until {silenced['until']}, {silenced['by']}: {silenced['reason']}")
    return "\n".join(parts)
