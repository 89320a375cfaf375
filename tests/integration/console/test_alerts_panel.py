"""The console's alerts, their runbooks, silences, and the trends of a day."""

import os
import re
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from playwright.sync_api import Page, expect

from commerce.app.trends import take_sample
from commerce.app.trends.sampler import SLOT, slot_of
from commerce.shared import clock
from infra.template import ROOT
from tests.support.console_data import a_bad_hour
from tests.support.dead_letters import DeadQueue, a_dead_queue
from tests.support.operations import acknowledge, alerts, an_alert
from tests.support.shop import rows
from tests.support.valkey import forget_breaker

Open = Callable[[], Page]

RUNBOOKS = {each.name for each in (ROOT / "docs" / "runbooks").glob("*.md")}


@pytest.fixture
def mail(dead: DeadQueue, monkeypatch: pytest.MonkeyPatch) -> DeadQueue:
    """A queue of the console's stack for whose dead letters nobody's order waits."""
    stack = dead.stack
    sqs = boto3.client("sqs", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    made = a_dead_queue("mail-requested")
    for suffix in ("", "-dead-letters"):
        sqs.create_queue(QueueName=f"{stack}-mail-requested{suffix}")
    monkeypatch.setenv("QUEUES", f"{dead.name},mail-requested")
    monkeypatch.setenv("STACK_NAME", stack)
    url = sqs.get_queue_url(QueueName=f"{stack}-mail-requested-dead-letters")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="nobody can read this")
    return made


def reload(console: Page) -> None:
    """Read everything again, as the timer does."""
    with console.expect_response("**/admin/alerts?**"):
        console.get_by_role("button", name="Refresh").click()
    expect(console.locator("[aria-busy]")).to_have_count(0)


def panel(console: Page, id_: str = "alerts") -> Any:
    return console.locator(f"#{id_}")


def test_an_alert_is_acknowledged_with_a_note_that_all_see(open_console: Open) -> None:
    an_alert("ORDERS_STUCK", "NOT_TOLD")
    console = open_console()
    row = panel(console).locator("tbody tr")
    expect(row).to_contain_text("not acknowledged")
    row.get_by_role("button", name="Acknowledge").click()
    console.get_by_role("dialog").get_by_label("Note").fill("I call the carrier")
    console.get_by_role("dialog").get_by_role("button", name="Acknowledge").click()
    expect(console.locator("#outcomes")).to_contain_text("is acknowledged")
    expect(row).to_contain_text("I call the carrier")
    expect(row.get_by_role("button", name="Silence")).to_have_count(0)  # orders may be stuck
    assert [row.note for row in rows("SELECT note FROM alert")] == ["I call the carrier"]


def test_an_acknowledged_trouble_stays_wrong_and_says_who_looks_after_it(
    mail: DeadQueue, open_console: Open
) -> None:
    take_sample()
    alert = an_alert("DEAD_LETTERS", "mail-requested")
    acknowledge(alert["alert_id"], "I call the provider")
    console = open_console()
    line = console.locator(".wrongs li", has_text="1 dead letter in 1 queue")
    expect(line).to_contain_text("acknowledged by admin:")


def test_a_silenced_trouble_is_not_counted_and_all_is_not_called_well(
    mail: DeadQueue, open_console: Open
) -> None:
    take_sample()
    console = open_console()
    expect(console.get_by_role("link", name="1 dead letter in 1 queue")).to_be_visible()
    row = panel(console).locator("tr", has_text="mail-requested")
    row.get_by_role("button", name="Silence").click()
    dialog = console.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("The provider is down")
    dialog.get_by_role("button", name="Silence").click()
    expect(console.locator("#outcomes")).to_contain_text("is silenced")
    expect(console.get_by_role("link", name="1 dead letter in 1 queue")).to_have_count(0)
    expect(console.locator("#wrong")).to_contain_text("Silenced: DEAD_LETTERS mail-requested")
    expect(console.get_by_role("heading", name="All is well")).to_have_count(0)
    rows(
        "UPDATE alert SET silenced_until = now() - interval '1 second'"
        " WHERE silenced_until IS NOT NULL"
    )
    reload(console)
    expect(console.get_by_role("link", name="1 dead letter in 1 queue")).to_be_visible()


def test_a_silence_leaves_dead_letters_of_other_queues_wrong(
    dead: DeadQueue, mail: DeadQueue, open_console: Open
) -> None:
    an_alert("DEAD_LETTERS", "mail-requested")
    rows(
        "UPDATE alert SET silenced_until = now() + interval '1 hour', silenced_by = 'x',"
        " silence_reason = 'x'"
    )
    dead.fill("one", "two")
    expect(open_console().get_by_role("link", name="2 dead letters in 1 queue")).to_be_visible()


def test_of_two_operators_at_the_console_the_second_is_refused(open_console: Open) -> None:
    alert = an_alert("ORDERS_STUCK", "NOT_TOLD")
    console = open_console()
    acknowledge(alert["alert_id"], "I was first")
    panel(console).get_by_role("button", name="Acknowledge").click()
    console.get_by_role("dialog").get_by_label("Note").fill("I was second")
    console.get_by_role("dialog").get_by_role("button", name="Acknowledge").click()
    expect(console.get_by_role("dialog")).to_contain_text("STALE_VERSION")
    assert [row.note for row in rows("SELECT note FROM alert")] == ["I was first"]


def test_each_red_line_of_a_bad_hour_leads_to_a_runbook_that_is_served(
    dead: DeadQueue, open_console: Open
) -> None:
    a_bad_hour(dead)
    console = open_console()
    lines = console.locator(".wrongs li")
    assert lines.count() >= 5
    in_panels = console.locator(RED).all()
    assert len(in_panels) >= 6
    red = [*lines.all(), *in_panels]
    for each in red:
        link = each.locator("a.runbook").first
        assert link.count() == 1, each.inner_text()
    hrefs = {each.get_attribute("href") for each in console.locator("a.runbook").all()}
    for href in hrefs:
        answer = console.request.get(f"{console.url.rpartition('/')[0]}/{href}")
        assert answer.status == 200, href
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.text().startswith("# ")
    take_sample()
    for alert in alerts("?limit=100").json["items"]:
        assert acknowledge(alert["alert_id"], "I look at it").status == 200
    reload(console)
    for line in lines.all():  # each red line is an alert, by kind and subject
        expect(line).to_contain_text("acknowledged by admin:")
    forget_breaker()


# The rows and sections of the panels that show something as wrong.
RED = (
    ".panel tr:has(.cause), #letters .queue, #payments .breaker:has(.badge.bad),"
    " #payments tr:has(.badge.bad), #outbox .panel-body:has(.figure.bad)"
)

WALK = """
async ([known, harms]) => {
  const panels = await import(new URL('console/panels.js', location.href));
  return {lines: panels.wrongs(known), harms: panels.HARM};
}
"""
OVERVIEW: dict[str, Any] = {
    "books": {"last": {"boards": 1}, "findings": [], "findings_count": 0, "is_late": False},
    "failing": [],
    "outbox": {"oldest_age_seconds": 0, "set_aside_count": 0},
    "stuck_orders": [],
    "payments": [],
    "breaker": {"state": "closed"},
}
BOOK = {"rule": "POINTS_HOLD", "words": "They do not", "runbook": "books-do-not-hold.md"}
CAUSES: dict[str, dict[str, Any]] = {
    "stopped": {"breaker": {"state": "open"}},
    "half open": {"breaker": {"state": "half-open"}},
    "breaker unknown": {"breaker": {"state": "unknown"}},
    "books": {"books": {**OVERVIEW["books"], "findings": [BOOK], "findings_count": 1}},
    "books late": {"books": {**OVERVIEW["books"], "is_late": True}},
    "boards unknown": {"books": {**OVERVIEW["books"], "last": {"boards": None}}},
    "stuck orders": {"stuck_orders": [{"problem": "NOT_TOLD"}]},
    "late payments": {"payments": [{"late": True}]},
    "late events": {"outbox": {"oldest_age_seconds": 61, "set_aside_count": 0}},
    "quarantine": {"outbox": {"oldest_age_seconds": 0, "set_aside_count": 1}},
    "urgent failing": {"failing": [{"queue": "a", "messages": 1, "cause": "", "is_urgent": True}]},
    "failing": {"failing": [{"queue": "a", "messages": 1, "cause": "", "is_urgent": False}]},
}
OTHERS: dict[str, dict[str, Any]] = {
    "urgent letters": {"letters": {"queues": [{"queue": "a", "count": 1, "is_urgent": True}]}},
    "letters": {"letters": {"queues": [{"queue": "a", "count": 1, "is_urgent": False}]}},
    "drops": {"drops": {"drops": [{"drop_id": "d", "trouble": "NOT_SEALED"}]}},
}


def test_every_cause_of_red_has_one_line_with_a_runbook(open_console: Open) -> None:
    console = open_console()
    known: dict[str, dict[str, Any]] = {
        **{harm: {"overview": {**OVERVIEW, **part}} for harm, part in CAUSES.items()},
        **OTHERS,
    }
    for harm, answers in known.items():
        found = console.evaluate(WALK, [answers, []])
        [line] = found["lines"]
        assert line["harm"] == harm
        assert line["runbook"] in RUNBOOKS, harm
        assert line["of"], harm
    assert set(found["harms"]) == set(known)  # a new cause needs its row here
    assert console.evaluate(WALK, [{"overview": OVERVIEW}, []])["lines"] == []


def test_an_answer_that_is_missing_leads_to_a_runbook(open_console: Open) -> None:
    console = open_console()
    console.route("**/admin/overview", lambda route: route.fulfill(status=503, json={}))
    with console.expect_response("**/admin/overview"):
        console.get_by_role("button", name="Refresh").click()
    line = console.locator(".wrongs li", has_text="answer missing")
    expect(line.locator("a.runbook")).to_have_attribute("href", "console/api-5xx.md")


def sampled(slots_ago: int, **values: Any) -> None:
    """Store a sample of that slot."""
    slot = slot_of(clock.now()) - slots_ago * SLOT
    facts = {"slot": slot, "breaker": "closed", "version": "1", "code": "a", **values}
    names = ", ".join(facts)
    numbers = ", ".join(f"${n}" for n in range(1, len(facts) + 1))
    rows(f"INSERT INTO trend_sample ({names}) VALUES ({numbers})", *facts.values())


def test_trends_are_charts_with_gaps_deploys_and_a_table(open_console: Open) -> None:
    sampled(100, dead_letters=0, api_5xx=0)
    sampled(50, dead_letters=2, api_5xx=4000, payments_succeeded=3, payments_failed=1)
    sampled(40, dead_letters=1, api_5xx=1, breaker="open", version="2", code="b")
    console = open_console()
    trends = panel(console, "trends")
    letters = trends.get_by_role("img", name="Dead letters in 24 hours")
    expect(letters).to_have_attribute("aria-label", SUMMARY)
    assert letters.locator("rect.gap").count() == 4  # before, between and after three samples
    assert letters.locator("line.deploy").count() == 1
    expect(trends).to_contain_text("2, code b")
    heights = [
        float(each.get_attribute("height") or 0)
        for each in trends.get_by_role("img", name="Requests answered 5xx")
        .locator("rect.bar")
        .all()
    ]
    most, least = max(heights), sorted(heights)[1]
    assert least > most / 20  # 1 beside 4000 is seen
    expect(trends.get_by_role("img", name="Circuit breaker")).to_have_attribute(
        "aria-label", "Circuit breaker in 24 hours: open in 1 sample"
    )
    expect(trends.get_by_role("img", name="Card payments")).to_contain_text("75 %")
    zone = trends.evaluate("() => Intl.DateTimeFormat().resolvedOptions().timeZone")
    expect(letters).to_contain_text(zone)
    trends.get_by_text("As a table").click()
    expect(trends.locator("tbody tr")).to_have_count(288)
    expect(trends.locator("table caption")).to_contain_text(zone)
    assert trends.locator("tbody tr", has_text="4,000").count() == 1


SUMMARY = re.compile(
    r"Dead letters in 24 hours: most 2  ?at \d\d:\d\d, last 1 ; 285 slots not sampled"
)


def test_a_console_without_samples_says_so(open_console: Open) -> None:
    expect(panel(open_console(), "trends")).to_contain_text("No sample has been taken yet")
