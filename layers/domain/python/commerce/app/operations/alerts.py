"""Alerts of seven days, as operators see, acknowledge and silence them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import Field

from commerce.app.alerts.record import STANDS_FOR
from commerce.app.operations.commands import AcknowledgeAlert, SilenceAlert
from commerce.app.operations.conditions import CODES, may_be_silenced
from commerce.app.operations.errors import AlertNotFound, AlertNotSilenceable, SilenceRefused
from commerce.app.shop import Shop
from commerce.runtime import audit
from commerce.runtime.audit import Change
from commerce.runtime.db.pipeline import Row
from commerce.runtime.db.statement import Statement, precompiled
from commerce.shared import clock, cursor, etag
from commerce.shared.etag import IfMatch
from commerce.shared.pagination import page_of
from commerce.shared.schemas import Page, Timestamp, View

if TYPE_CHECKING:
    from commerce.app.alerts import statements as sql
else:
    sql = precompiled("commerce.app.alerts.statements")

SHOWN_FOR = timedelta(days=7)
LONGEST_SILENCE = timedelta(days=7)
_LAST = UUID(int=2**128 - 1)
_END = datetime.max.replace(tzinfo=UTC)


class AcknowledgementView(View):
    """The last acknowledgement of an alert; it does not hide the alert."""

    at: Timestamp
    by: str
    note: str


class SilenceView(View):
    """A silence that has not expired: the console does not count the alert as wrong."""

    until: Timestamp
    by: str
    reason: str


class AlertView(View):
    """A kind of alert about one subject: when it was raised first and last, and how often."""

    alert_id: str
    code: str
    about: str
    summary: str
    runbook: str = Field(description="A file of docs/runbooks; GET /console/{runbook} serves it")
    first_at: Timestamp
    last_at: Timestamp
    count: int = Field(description="Occurrences; what stands for an hour is one")
    is_current: bool = Field(
        description="Seen wrong by the last samples; false of what is raised by events"
    )
    acknowledgement: AcknowledgementView | None
    can_be_silenced: bool = Field(description="False where orders, money or goods may be stuck")
    silence: SilenceView | None
    version: int


def alerts_of_a_week(shop: Shop, *, limit: int, after: str | None) -> Page[AlertView]:
    """List what was alerted in seven days, the newest first. Raises InvalidCursor."""
    now = clock.now()
    at, id_ = _position(after) if after else (_END, _LAST)
    query = sql.NEWEST(since=now - SHOWN_FOR, before_at=at, before_id=id_, limit=limit + 1)
    return page_of(
        "alerts",
        shop.uow.read(query),
        limit,
        lambda row: [clock.rfc3339(row.last_at), str(row.id)],
        lambda row: _view(row, now),
    )


def acknowledge_alert(
    shop: Shop, alert_id: str, command: AcknowledgeAlert, *, by: str, if_match: IfMatch = None
) -> AlertView:
    """Record who looks after an alert, with a note. Raises AlertNotFound, StaleVersion."""
    after = {"acknowledged_at": clock.now(), "acknowledged_by": by, "note": command.note}
    return _change(shop, alert_id, sql.ACKNOWLEDGE, after, "acknowledge alert", by, if_match)


def silence_alert(
    shop: Shop, alert_id: str, command: SilenceAlert, *, by: str, if_match: IfMatch = None
) -> AlertView:
    """Hide an alert from what the console counts as wrong until a moment; None ends that.

    Raises AlertNotFound, AlertNotSilenceable, SilenceRefused, StaleVersion.
    """
    found = _find(shop, alert_id)
    if not may_be_silenced(found.code, found.about):
        raise AlertNotSilenceable
    now, until = clock.now(), command.until
    if until is not None and not now < until <= now + LONGEST_SILENCE:
        raise SilenceRefused
    after = {
        "silenced_until": until,
        "silenced_by": by if until else None,
        "silence_reason": command.reason if until else None,
    }
    return _change(shop, alert_id, sql.SILENCE, after, "silence alert", by, if_match)


def _change(
    shop: Shop,
    alert_id: str,
    statement: Statement,
    after: dict[str, Any],
    action: str,
    by: str,
    if_match: IfMatch,
) -> AlertView:
    found = _find(shop, alert_id)
    etag.require_seen([found.version], if_match)
    shop.uow.write(
        statement(
            row_id=found.id,
            version_read=found.version,
            new_version=found.version + 1,
            **{f"new_{name}": value for name, value in after.items()},
        ),
        {"alert_as_read": lambda: etag.outdated(if_match)},
    )
    before = {name: getattr(found, name) for name in after}
    audit.record(shop.uow, Change(by, action, found.id, before, after))
    values = {**found._asdict(), **after, "version": found.version + 1}
    return _view(type(found)(**values), clock.now())


def _find(shop: Shop, alert_id: str) -> Row:
    id_ = cursor.parse_id(alert_id)
    found: Sequence[Row] = shop.uow.read(sql.FIND(alert_id=id_)) if id_ else []
    if not found:
        raise AlertNotFound
    return found[0]


def _position(after: str) -> tuple[datetime, UUID]:
    at, id_ = cursor.decode("alerts", after, [str, UUID])
    try:
        return clock.parse_rfc3339(str(at)), UUID(str(id_))
    except ValueError as error:
        raise cursor.InvalidCursor from error


def _view(row: Row, now: datetime) -> AlertView:
    can_be_silenced = may_be_silenced(row.code, row.about)
    is_silenced = can_be_silenced and row.silenced_until is not None and row.silenced_until > now
    return AlertView(
        alert_id=str(row.id),
        code=row.code,
        about=row.about,
        summary=row.summary,
        runbook=row.runbook,
        first_at=row.first_at,
        last_at=row.last_at,
        count=row.count,
        is_current=row.code in CODES and row.last_at > now - STANDS_FOR,
        acknowledgement=AcknowledgementView(
            at=row.acknowledged_at, by=row.acknowledged_by, note=row.note
        )
        if row.acknowledged_at
        else None,
        can_be_silenced=can_be_silenced,
        silence=SilenceView(until=row.silenced_until, by=row.silenced_by, reason=row.silence_reason)
        if is_silenced
        else None,
        version=row.version,
    )
