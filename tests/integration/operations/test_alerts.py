"""Alerts are recorded, shown for seven days, acknowledged and silenced."""

import re
from datetime import timedelta
from typing import Any

import pytest

from commerce.app import alerts as sending
from commerce.app.alerts import record
from commerce.app.alerts.record import MAX_ABOUT, STANDS_FOR, Condition
from commerce.app.alerts.retention import RETENTIONS
from commerce.app.operations import conditions
from commerce.app.operations.harm import RANKED, is_urgent
from commerce.app.retention import delete_expired
from commerce.runtime.alerts import Alert
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.statement import precompiled
from commerce.shared import clock
from infra.template import ROOT
from tests.support.admin import audit_of
from tests.support.operations import acknowledge, alerts, an_alert, silence
from tests.support.other_connection import held_by_another
from tests.support.queues import OpsTopic
from tests.support.shop import a_buyer, an_admin, rows
from tests.support.time_travel import earlier

pytestmark = pytest.mark.usefixtures("own_shop")

MAIL = ("DEAD_LETTERS", "mail-requested")
NOTICE = Alert(
    "SHIPMENT_NOTICE_FAILED", "ORDER 1", "It failed.", {}, "shipment-notice-failed.md", "order=1"
)
MAIL_LETTERS = Condition(*MAIL, "1 dead letter in mail-requested.", "dead-letters.md")


@pytest.fixture
def no_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    """A topic that is not there."""
    monkeypatch.setenv("OPS_TOPIC_ARN", "arn:aws:sns:us-east-1:000000000000:none")


def shown() -> list[dict[str, Any]]:
    answer = alerts("?limit=100")
    assert answer.status == 200, answer.json
    found: list[dict[str, Any]] = answer.json["items"]
    return found


def in_(**time: float) -> str:
    return clock.rfc3339(clock.now() + timedelta(**time))


@pytest.mark.usefixtures("topic")
def test_an_alert_is_recorded_with_first_last_and_count() -> None:
    with earlier(hours=3) as first:
        sending.publish(NOTICE)
    sending.publish(NOTICE)
    [alert] = shown()
    assert (alert["code"], alert["about"], alert["count"]) == (NOTICE.code, NOTICE.about, 2)
    assert alert["first_at"] == clock.rfc3339(first)
    assert alert["last_at"] > alert["first_at"]
    assert (alert["runbook"], alert["is_current"]) == ("shipment-notice-failed.md", False)


@pytest.mark.usefixtures("topic")
def test_an_alert_that_is_sent_once_counts_once() -> None:
    for _ in range(3):
        sending.alert_once(NOTICE)
    assert [each["count"] for each in shown()] == [1]


@pytest.mark.usefixtures("no_topic")
def test_an_alert_that_cannot_be_sent_is_recorded_and_its_failure_raised() -> None:
    with pytest.raises(Exception, match="NotFound"):
        sending.alert_once(NOTICE)
    assert [each["count"] for each in shown()] == [1]


def test_a_record_that_cannot_be_written_loses_no_alert(topic: OpsTopic) -> None:
    rows("ALTER TABLE alert RENAME TO alert_elsewhere")
    sending.alert_once(NOTICE)
    rows("ALTER TABLE alert_elsewhere RENAME TO alert")
    assert [subject for subject, _ in topic.received()] == ["SHIPMENT_NOTICE_FAILED ORDER 1"]
    assert shown() == []


def test_a_record_that_waits_for_a_lock_delays_no_alert(topic: OpsTopic, own_shop: str) -> None:
    record.raised(NOTICE)
    with held_by_another(own_shop, "SELECT 1 FROM alert FOR UPDATE"):
        sending.publish(NOTICE)  # its record gives up
        assert [subject for subject, _ in topic.received()] == ["SHIPMENT_NOTICE_FAILED ORDER 1"]
    assert [each["count"] for each in shown()] == [1]


def test_an_alert_is_sent_before_its_record_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded: list[int] = []
    monkeypatch.setattr(
        "commerce.runtime.alerts.publish",
        lambda *_, **__: recorded.append(rows("SELECT count(*) AS n FROM alert")[0].n),
    )
    sending.publish(NOTICE)
    assert (recorded, len(shown())) == ([0], 1)


def test_no_transaction_is_open_while_an_alert_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    observed: list[int] = []

    def publish(_: Alert, **__: Any) -> None:
        observed.append(
            rows(
                "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database()"
                " AND state = 'idle in transaction'"
            )[0].n
        )

    monkeypatch.setattr("commerce.runtime.alerts.publish", publish)
    sending.alert_once(NOTICE)
    assert observed == [0]


def test_a_condition_that_stands_is_one_occurrence_and_a_new_one_after_a_pause() -> None:
    now = clock.now()
    for minutes in (60, 55, 50, 20, 15, 0):
        record.seen([MAIL_LETTERS], now - timedelta(minutes=minutes))
    [alert] = shown()
    assert (alert["count"], alert["is_current"]) == (3, True)
    assert alert["first_at"] == clock.rfc3339(now - timedelta(minutes=60))


def test_a_condition_that_is_seen_no_more_is_not_current() -> None:
    record.seen([MAIL_LETTERS], clock.now() - STANDS_FOR - timedelta(seconds=1))
    assert [each["is_current"] for each in shown()] == [False]


def test_a_clock_that_is_behind_moves_no_alert_back() -> None:
    record.seen([MAIL_LETTERS], clock.now())
    last = shown()[0]["last_at"]
    record.seen([MAIL_LETTERS], clock.now() - timedelta(seconds=40))
    assert [(each["last_at"], each["count"]) for each in shown()] == [(last, 1)]


def test_a_subject_of_any_length_is_recorded() -> None:
    record.raised(Alert("CODE", "x" * 1_000, "y" * 10_000, {}, "dead-letters.md", "letters"))
    assert [len(each["about"]) for each in shown()] == [MAX_ABOUT]


def test_alerts_are_listed_newest_first_page_by_page_for_seven_days() -> None:
    for days in (8, 6, 3, 1):
        with earlier(days=days):
            record.raised(
                Alert("CODE", str(days), "It is wrong.", {}, "dead-letters.md", "letters")
            )
    first = alerts("?limit=2").json
    assert [each["about"] for each in first["items"]] == ["1", "3"]
    second = alerts(f"?limit=2&cursor={first['next_cursor']}").json
    assert ([each["about"] for each in second["items"]], second["next_cursor"]) == (["6"], None)
    assert alerts("?cursor=elsewhere").json["code"] == "INVALID_CURSOR"


def test_an_acknowledgement_shows_who_when_and_why_and_hides_nothing() -> None:
    admin, alert = an_admin(), an_alert(*MAIL)
    answer = acknowledge(alert["alert_id"], "I call the provider", admin)
    assert answer.status == 200, answer.json
    [listed] = shown()
    assert listed == answer.json
    assert listed["acknowledgement"]["by"] == f"admin:{admin.user_id}"
    assert listed["acknowledgement"]["note"] == "I call the provider"
    assert listed["silence"] is None
    [(by, action, _, after)] = audit_of(alert["alert_id"])
    assert (by, action, after["note"]) == (
        f"admin:{admin.user_id}", "acknowledge alert", "I call the provider"
    )  # fmt: skip


def test_a_recurrence_keeps_the_acknowledgement_and_makes_no_version_stale() -> None:
    alert = an_alert(*MAIL)
    acknowledge(alert["alert_id"], "I call the provider")
    record.seen([MAIL_LETTERS], clock.now() + timedelta(minutes=20))
    [listed] = shown()
    assert (listed["version"], listed["count"]) == (2, 2)
    assert listed["last_at"] > listed["acknowledgement"]["at"]


def test_of_two_operators_who_saw_one_version_the_second_is_refused() -> None:
    alert = an_alert(*MAIL)
    tag = f'"{alert["version"]}"'
    assert acknowledge(alert["alert_id"], "It is mine", If_Match=tag).status == 200
    refused = silence(alert["alert_id"], in_(hours=1), If_Match=tag)
    assert (refused.status, refused.json["code"]) == (409, "STALE_VERSION")
    assert shown()[0]["silence"] is None


def test_a_silence_expires_by_itself() -> None:
    alert = an_alert(*MAIL)
    until = in_(hours=1)
    silenced = silence(alert["alert_id"], until)
    assert silenced.status == 200, silenced.json
    assert silenced.json["silence"]["until"] == until
    assert shown()[0]["silence"]["reason"] == "The provider is down"
    rows("UPDATE alert SET silenced_until = now() - interval '1 second'")
    assert shown()[0]["silence"] is None


def test_a_silence_can_be_ended_and_the_audit_has_both_acts() -> None:
    alert = an_alert(*MAIL)
    silence(alert["alert_id"], in_(hours=1))
    ended = silence(alert["alert_id"], None, "It works again")
    assert (ended.status, ended.json["silence"]) == (200, None)
    acts = [
        (action, after["silence_reason"]) for _, action, _, after in audit_of(alert["alert_id"])
    ]
    assert acts == [("silence alert", "The provider is down"), ("silence alert", None)]


@pytest.mark.parametrize(
    ("code", "about"),
    [
        ("DEAD_LETTERS", "shipping-order-confirmed"),
        ("DEAD_LETTERS", "order-payment-succeeded"),
        ("DEAD_LETTERS", "schedule"),
        ("DEAD_LETTERS", "a-queue-that-is-new"),
        ("MESSAGES_FAIL", "payment-order-cancelled"),
        ("ORDERS_STUCK", "NOT_TOLD"),
        ("PAYMENTS_UNFINISHED", "payments"),
        ("PAYMENT_BREAKER_OPEN", "payment-gateway"),
        ("EVENTS_WAIT", "outbox"),
        ("EVENTS_QUARANTINED", "outbox"),
        ("BOOKS_DO_NOT_HOLD", "STOCK_IS_THE_SUM_OF_ITS_MOVEMENTS"),
        ("BOOKS_NOT_CHECKED", "books"),
        ("DROP_STUCK", "0198c0de-0000-7000-8000-0000000000d1"),
        ("SHIPMENT_NOTICE_FAILED", "ORDER 1"),
        ("CHARGED_IN_VAIN", "1"),
        ("PAYMENT_AMOUNT_DIFFERS", "1 2"),
        ("PAYMENT_BREAKER_CHANGED", "closed to open"),
    ],
)
def test_what_may_hide_orders_money_or_goods_cannot_be_silenced(code: str, about: str) -> None:
    alert = an_alert(code, about)
    assert alert["can_be_silenced"] is False
    refused = silence(alert["alert_id"], in_(hours=1))
    assert (refused.status, refused.json["code"]) == (409, "ALERT_NOT_SILENCEABLE")
    assert rows("SELECT silenced_until, version FROM alert") == [(None, 1)]


def test_a_silence_of_a_kind_that_may_no_longer_be_silenced_hides_nothing() -> None:
    an_alert("ORDERS_STUCK", "NOT_TOLD")
    rows(
        "UPDATE alert SET silenced_until = now() + interval '1 hour', silenced_by = 'x',"
        " silence_reason = 'x'"
    )
    assert shown()[0]["silence"] is None


@pytest.mark.parametrize("time", [{"seconds": -1}, {"days": 7, "minutes": 1}])
def test_a_silence_ends_in_the_future_within_seven_days(time: dict[str, float]) -> None:
    alert = an_alert(*MAIL)
    refused = silence(alert["alert_id"], in_(**time))
    assert (refused.status, refused.json["code"]) == (422, "SILENCE_REFUSED")
    assert shown()[0]["silence"] is None


def test_an_alert_that_is_not_there_is_not_found() -> None:
    for id_ in (str(clock.new_id()), "none"):
        for answer in (acknowledge(id_, "It is mine"), silence(id_, in_(hours=1))):
            assert (answer.status, answer.json["code"]) == (404, "ALERT_NOT_FOUND")


def test_a_note_and_a_reason_that_say_nothing_are_refused() -> None:
    alert = an_alert(*MAIL)
    for answer in (acknowledge(alert["alert_id"], " "), silence(alert["alert_id"], None, "-")):
        assert (answer.status, answer.json["code"]) == (422, "VALIDATION_FAILED")


def test_buyers_see_and_silence_no_alert() -> None:
    alert, buyer = an_alert(*MAIL), a_buyer()
    for answer in (alerts(by=buyer), silence(alert["alert_id"], in_(hours=1), by=buyer)):
        assert answer.status == 403


def test_old_alerts_are_deleted_and_those_that_a_silence_may_cover_are_kept() -> None:
    for days in (14, 16):
        with earlier(days=days):
            record.raised(
                Alert("CODE", str(days), "It is wrong.", {}, "dead-letters.md", "letters")
            )
    assert delete_expired()["alerts"] == 1
    assert [row.about for row in rows("SELECT about FROM alert")] == ["14"]


def test_alerts_and_their_deletion_are_found_by_index() -> None:
    statements = precompiled("commerce.app.alerts.statements")
    now = clock.now()
    newest = statements.NEWEST(since=now, before_at=now, before_id=clock.new_id(), limit=20)
    for query in (newest, RETENTIONS[0].delete(before=now, limit=20)):
        settings = [Query(f"SET LOCAL enable_{each} = off") for each in ("seqscan", "bitmapscan")]
        explained = Query(f"EXPLAIN {query.sql}", query.values)
        plan = "\n".join(row[0] for row in database().run([*settings, explained])[-1])
        assert "alert_newest" in plan
        assert "Sort" not in plan


def test_each_runbook_that_an_alert_names_is_there() -> None:
    sources = [ROOT / "layers/domain/python/commerce" / each for each in (
        "app/operations/conditions.py", "payment/alerts.py", "shipping/alerts.py",
    )]  # fmt: skip
    names = {
        name for each in sources for name in re.findall(r'"([a-z0-9-]+\.md)"', each.read_text())
    }
    assert len(names) > 8
    for name in names:
        assert (ROOT / "docs" / "runbooks" / name).exists(), name


@pytest.mark.parametrize("queue", RANKED)
def test_no_queue_for_which_buyers_wait_may_be_silenced(queue: str) -> None:
    assert conditions.may_be_silenced("DEAD_LETTERS", queue) is not is_urgent(queue)
