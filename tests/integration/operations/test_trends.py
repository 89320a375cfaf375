"""Samples of the last day: once per slot, from each source that answers, with gaps and deploys."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from commerce.app.checkout.gateway import payment_breaker
from commerce.app.retention import delete_expired
from commerce.app.trends import sampler, take_sample
from commerce.app.trends.sampler import SLOT, slot_of
from commerce.payment.breaker import Call, Permit
from commerce.runtime import release
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.statement import precompiled
from commerce.shared import clock
from tests.support.dead_letters import DeadQueue
from tests.support.gateway import RunningGateway
from tests.support.lambda_calls import function, lambda_context
from tests.support.operations import a_console_queue, alerts, trends
from tests.support.payments import a_card_order, pay
from tests.support.shop import a_buyer, a_product, rows
from tests.support.threads import run_concurrently
from tests.support.time_travel import earlier
from tests.support.valkey import forget_breaker, forget_valkey

pytestmark = pytest.mark.usefixtures("own_shop")

GAUGES = ("dead_letters", "outbox_age_seconds", "breaker")


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> DeadQueue:
    """A stack of the test's own, with a queue and metrics."""
    dead = a_console_queue(monkeypatch)
    monkeypatch.setenv("STACK_NAME", dead.stack)
    return dead


@pytest.fixture(autouse=True)
def well() -> Iterator[None]:
    """Breaker and release as they were before."""
    yield
    forget_breaker()
    release.running.cache_clear()


def measure(dead: DeadQueue, at: datetime, *, answered: int = 0, failed: int = 0) -> None:
    """Report to CloudWatch what AWS reports: a 5xx per request, and errors of two functions."""
    stack = dead.stack
    api = [{"Name": "ApiName", "Value": stack}, {"Name": "Stage", "Value": "v1"}]
    put("AWS/ApiGateway", "5XXError", api, at, [1.0] * answered + [0.0])
    for name, count in (("Order", failed), ("Pay", failed)):
        named = [{"Name": "FunctionName", "Value": f"{stack}-{name}"}]
        put("AWS/Lambda", "Errors", named, at, [1.0] * count + [0.0])
    # Of another stack, and of an alias: neither counts.
    put("AWS/Lambda", "Errors", [{"Name": "FunctionName", "Value": "other-x"}], at, [50.0])


def put(namespace: str, name: str, named: Any, at: datetime, values: list[float]) -> None:
    boto3.client("cloudwatch", endpoint_url=os.environ["AWS_ENDPOINT_URL"]).put_metric_data(
        Namespace=namespace,
        MetricData=[
            {"MetricName": name, "Dimensions": named, "Timestamp": at, "Value": value}
            for value in values
        ],
    )


def points() -> dict[datetime, dict[str, Any]]:
    answer = trends()
    assert answer.status == 200, answer.json
    assert len(answer.json["points"]) == 288
    return {clock.parse_rfc3339(each["at"]): each for each in answer.json["points"]}


def test_a_sample_has_dead_letters_outbox_breaker_and_release(dead: DeadQueue) -> None:
    dead.fill("one", "two")
    sampled = take_sample()
    assert sampled.missing == ["failures"]  # no function of this stack has run
    point = points()[sampled.slot]
    assert [point[each] for each in GAUGES] == [2, 0, "closed"]
    [row] = rows("SELECT version, code FROM trend_sample WHERE code IS NOT NULL")
    assert len(row.code) == 12


def test_requests_answered_5xx_and_failed_functions_are_counted_by_slot(dead: DeadQueue) -> None:
    now = clock.now()
    slot = slot_of(now)
    measure(dead, slot - SLOT + timedelta(seconds=1), answered=3, failed=2)
    measure(dead, slot - 2 * SLOT, answered=1)
    assert take_sample(now).missing == []
    found = points()
    assert (found[slot - SLOT]["api_5xx"], found[slot - SLOT]["functions_failed"]) == (3, 4)
    assert (found[slot - 2 * SLOT]["api_5xx"], found[slot - 2 * SLOT]["functions_failed"]) == (1, 0)
    assert found[slot]["api_5xx"] is None  # it is not over
    assert found[slot - 3 * SLOT]["api_5xx"] is None  # nothing was measured in it


def test_counts_that_are_reported_late_are_added(dead: DeadQueue) -> None:
    now = clock.now()
    slot = slot_of(now)
    measure(dead, slot - SLOT, answered=1)
    take_sample(now)
    measure(dead, slot - SLOT, answered=2)
    take_sample(now + SLOT)
    rows("UPDATE trend_sample SET api_5xx = 9 WHERE slot = $1", slot - SLOT)
    take_sample(now + SLOT)  # a reading that sees less takes nothing back
    assert points()[slot - SLOT]["api_5xx"] == 9


def test_payments_are_counted_by_the_slot_in_which_they_began(
    dead: DeadQueue, gateway: RunningGateway
) -> None:
    buyer, product = a_buyer(), a_product(stock=5, price=500)
    begun = slot_of(clock.now()) - SLOT + timedelta(minutes=1)
    with earlier(seconds=(clock.now() - begun).total_seconds()):
        assert pay(buyer, a_card_order(buyer, product)).status < 300
    rows("UPDATE payment SET status = 'SUCCEEDED'")
    rows(
        "INSERT INTO payment SELECT (jsonb_populate_record(p, jsonb_build_object("
        "'id', $1::uuid, 'transaction_key', NULL, 'status', 'FAILED', 'is_extra', true))).*"
        " FROM payment p",
        clock.first_id_at(begun),
    )
    take_sample()
    point = points()[slot_of(begun)]
    assert (point["payments_succeeded"], point["payments_failed"]) == (1, 1)


def test_a_breaker_that_opened_and_closed_between_samples_is_open_in_the_next(
    dead: DeadQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BREAKER_OPEN_SECONDS", "0")
    monkeypatch.setenv("BREAKER_TRIAL_CALLS", "1")
    monkeypatch.setenv("OPS_TOPIC_ARN", "arn:aws:sns:us-east-1:000000000000:none")
    breaker = payment_breaker()
    for call in [Call(0.1, "HTTP 500")] * 12 + [Call(0.1)] * 3:
        permit = breaker.admit()
        if isinstance(permit, Permit):
            breaker.report(permit, [call])
    assert take_sample().slot
    assert points()[slot_of(clock.now())]["breaker"] == "open"
    assert "PAYMENT_BREAKER_CHANGED" in [each["code"] for each in alerts().json["items"]]


def test_many_samplers_at_once_store_one_point_per_slot(dead: DeadQueue) -> None:
    now = clock.now()
    measure(dead, slot_of(now) - SLOT, answered=1)
    run_concurrently([lambda: take_sample(now)] * 6)
    [row] = rows("SELECT count(*) AS n FROM trend_sample WHERE breaker IS NOT NULL")
    assert row.n == 1
    assert {each["count"] for each in alerts("?limit=100").json["items"]} <= {1}


def test_of_two_samples_in_one_slot_the_second_adds_what_the_first_lacked(
    dead: DeadQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.now()
    dead.fill("one")
    with monkeypatch.context() as broken:
        broken.setenv("QUEUES", "none-such")
        assert "dead letters" in take_sample(now).missing
    point = points()[slot_of(now)]
    assert (point["dead_letters"], point["breaker"]) == (None, "closed")
    take_sample(now)
    dead.fill("two")
    take_sample(now)
    assert points()[slot_of(now)]["dead_letters"] == 1


@pytest.mark.parametrize(
    ("setting", "value", "missing", "column"),
    [
        ("QUEUES", "none-such", "dead letters", "dead_letters"),
        ("STACK_NAME", "none-such", "failures", "api_5xx"),
    ],
)
def test_a_source_that_is_down_is_a_gap_and_leaves_the_others(
    dead: DeadQueue,
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    value: str,
    missing: str,
    column: str,
) -> None:
    now = clock.now()
    measure(dead, slot_of(now) - SLOT, answered=1)
    monkeypatch.setenv(setting, value)
    assert take_sample(now).missing == [missing]
    found = rows("SELECT * FROM trend_sample")
    assert {getattr(row, column) for row in found} == {None}
    others = {"dead_letters", "outbox_age_seconds", "breaker", "payments_failed"} - {column}
    for name in others:
        assert any(getattr(row, name) is not None for row in found), name


def test_valkey_that_does_not_answer_is_sampled_as_unknown(
    dead: DeadQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as down:
        down.setenv("VALKEY_URL", "redis://127.0.0.1:1")
        forget_valkey()
        sampled = take_sample()
    forget_valkey()
    assert points()[sampled.slot]["breaker"] == "unknown"
    assert points()[sampled.slot]["dead_letters"] == 0
    codes = [each["code"] for each in alerts("?limit=100").json["items"]]
    assert "PAYMENT_BREAKER_UNKNOWN" in codes


def test_what_was_not_sampled_is_a_gap_and_no_zero(dead: DeadQueue) -> None:
    now = clock.now()
    take_sample(now - 12 * SLOT)
    take_sample(now)
    found = points()
    assert found[slot_of(now) - 6 * SLOT] == {
        "at": clock.rfc3339(slot_of(now) - 6 * SLOT),
        **dict.fromkeys(
            (
                *GAUGES, "payments_succeeded", "payments_failed", "api_5xx", "functions_failed",
            )
        ),
    }  # fmt: skip
    assert found[slot_of(now) - 12 * SLOT]["dead_letters"] == 0


def test_slots_begin_at_whole_five_minutes_by_the_databases_clock(dead: DeadQueue) -> None:
    assert slot_of(datetime(2026, 11, 30, 9, 59, 59, tzinfo=UTC)).minute == 55
    with earlier(days=2):  # a function whose clock is wrong
        sampled = take_sample()
    [row] = rows("SELECT clock_timestamp() AS now")
    assert sampled.slot in (slot_of(row.now), slot_of(row.now) - SLOT)


def test_other_code_is_a_deploy_in_the_slot_in_which_it_was_seen_first(
    dead: DeadQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.now()
    for slots, version, code in ((6, "1", "a"), (5, "1", "a"), (4, "2", "a"), (2, "2", "b"),
                                 (1, "2", "b"), (0, "1", "a")):  # fmt: skip
        seen = release.Release(version, code)
        monkeypatch.setattr(release, "running", lambda seen=seen: seen)
        take_sample(now - slots * SLOT)
    monkeypatch.undo()
    found = [(each["at"], each["version"], each["code"]) for each in trends().json["deploys"]]
    assert found == [
        (clock.rfc3339(slot_of(now) - 4 * SLOT), "2", "a"),
        (clock.rfc3339(slot_of(now) - 2 * SLOT), "2", "b"),
        (clock.rfc3339(slot_of(now)), "1", "a"),
    ]


def test_the_digest_of_the_code_changes_with_a_file(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMBDA_TASK_ROOT", str(tmp_path))
    digests = set()
    for text in ("a = 1", "a = 2", "a = 1"):
        (tmp_path / "handler.py").write_text(text)
        release.running.cache_clear()
        digests.add(release.running().code)
    assert len(digests) == 2


def test_the_scheduled_function_samples_and_records_what_is_wrong(dead: DeadQueue) -> None:
    dead.fill("nobody can read this")
    answer: Any = function("operations/every_five_minutes_sample")({}, lambda_context(60))
    assert f"DEAD_LETTERS {dead.name}" in answer["wrong"]
    found = {(each["code"], each["about"]): each for each in alerts("?limit=100").json["items"]}
    letters = found["DEAD_LETTERS", dead.name]
    assert (letters["is_current"], letters["can_be_silenced"]) == (True, False)
    assert ("BOOKS_NOT_CHECKED", "books") in found


def test_samples_are_deleted_after_eight_days(dead: DeadQueue) -> None:
    for days in (9, 7):
        take_sample(clock.now() - timedelta(days=days))
    rows("DELETE FROM trend_sample WHERE breaker IS NULL")
    assert delete_expired()["trend_samples"] == 1


def test_payments_of_a_slot_are_found_by_the_primary_key() -> None:
    statements = precompiled("commerce.app.trends.statements")
    query = statements.PAYMENTS(first_id=clock.new_id(), end_id=clock.new_id())
    settings = [Query(f"SET LOCAL enable_{each} = off") for each in ("seqscan", "bitmapscan")]
    plan = database().run([*settings, Query(f"EXPLAIN {query.sql}", query.values)])[-1]
    assert any("payment_pkey" in row[0] for row in plan)


def test_each_source_has_a_time_of_its_own_within_the_functions() -> None:
    sources, timeout_seconds = 8, 60
    assert sources * sampler.SOURCE_SECONDS < timeout_seconds
