"""Discarding at the console: what it would destroy is shown by kind, and it can be restored."""

from collections import Counter
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.support.dead_letters import DeadQueue, an_order_message
from tests.support.other_connection import wait_until
from tests.support.shop import rows

Open = Callable[[], Page]
GARBAGE = [f"nothing can be read from this {n}" for n in range(31)]
REASON = "Sent by mistake, checked with the sender"


def dialog(console: Page) -> Locator:
    return console.get_by_role("dialog").last


def press(console: Page, verb: str, dead: DeadQueue) -> None:
    console.get_by_role("button", name=f"{verb} of {dead.name}").click()


def test_discarding_what_is_unreadable_names_what_stays(
    dead: DeadQueue, open_console: Open
) -> None:
    dead.fill(*GARBAGE, an_order_message("o-1"))
    console = open_console()
    press(console, "Discard unreadable", dead)
    expect(dialog(console)).to_contain_text("31 unreadable will be deleted and not handled.")
    expect(dialog(console)).to_contain_text("1 message can be read and will stay: 1 paid order.")
    dialog(console).get_by_label("Reason").fill(REASON)
    dialog(console).get_by_role("button", name="Discard unreadable").click()
    expect(console.locator("#outcomes")).to_contain_text("31 messages discarded from")
    expect(console.get_by_role("link", name="1 dead letter in 1 queue")).to_be_visible()
    wait_until(
        lambda: dead.dead_letters() == Counter([an_order_message("o-1")])
    )  # the page may have received it


def test_discarding_what_can_be_read_takes_its_number(dead: DeadQueue, open_console: Open) -> None:
    dead.fill(*GARBAGE, an_order_message("o-1"))
    console = open_console()
    press(console, "Discard all", dead)
    expect(dialog(console)).to_contain_text("31 unreadable, 1 paid order will be deleted")
    dialog(console).get_by_label("Reason").fill(REASON)
    number = dialog(console).get_by_label("Type 32, the number of messages")
    confirm = dialog(console).get_by_role("button", name="Discard all 32")
    for wrong in ("", "31", "all"):
        number.fill(wrong)
        confirm.click()
        assert number.evaluate("each => !each.checkValidity()")
    expect(console.locator("#outcomes")).to_have_text("")
    assert rows("SELECT 1 AS one FROM ops_audit") == []
    number.fill("32")
    confirm.click()
    expect(console.locator("#outcomes")).to_contain_text(
        f"32 messages discarded from {dead.name}: 31 unreadable, 1 paid order."
    )
    assert dead.dead_letters() == Counter()


def test_a_message_that_came_after_the_count_stays(dead: DeadQueue, open_console: Open) -> None:
    dead.fill(GARBAGE[0])
    console = open_console()
    press(console, "Discard all", dead)
    expect(dialog(console)).to_contain_text("1 unreadable will be deleted")
    dead.fill(an_order_message("o-1"))
    dialog(console).get_by_label("Reason").fill(REASON)
    dialog(console).get_by_role("button", name="Discard all 1").click()
    expect(console.locator("#outcomes")).to_contain_text("1 message discarded from")
    wait_until(
        lambda: dead.dead_letters() == Counter([an_order_message("o-1")])
    )  # the page may have received it


def test_a_single_character_is_no_reason(dead: DeadQueue, open_console: Open) -> None:
    [id_] = dead.fill(GARBAGE[0])
    console = open_console()
    console.get_by_role("button", name=dead.name, exact=True).click()
    console.get_by_role("button", name=f"Discard message {id_}").click()
    reason = dialog(console).get_by_label("Reason")
    reason.press_sequentially("x")
    console.keyboard.press("Enter")
    assert reason.evaluate("each => each.validity.tooShort")
    reason.fill("x" + 10 * " ")  # long enough for the browser
    reason.evaluate("each => each.form.noValidate = true")
    console.keyboard.press("Enter")
    expect(dialog(console).get_by_role("alert")).to_contain_text("VALIDATION_FAILED")
    wait_until(
        lambda: dead.dead_letters() == Counter([GARBAGE[0]])
    )  # the page may have received it


def test_a_discarded_message_is_restored_from_the_audit(
    dead: DeadQueue, open_console: Open
) -> None:
    body = an_order_message("o-1")
    [id_] = dead.fill(body)
    console = open_console()
    press(console, "Discard all", dead)
    dialog(console).get_by_label("Reason").fill(REASON)
    dialog(console).get_by_label("Type 1").fill("1")
    dialog(console).get_by_role("button", name="Discard all 1").click()
    expect(console.locator("#outcomes")).to_contain_text("1 message discarded from")
    console.get_by_role("button", name="Discarded messages").click()
    row = dialog(console).get_by_role("row").filter(has_text=REASON)
    expect(row).to_contain_text("OrderConfirmed")
    row.get_by_role("button", name=f"Restore message {id_}").click()
    expect(console.get_by_role("dialog", name="Restore this message?")).to_be_visible()
    dialog(console).get_by_role("button", name="Restore").click()
    expect(console.locator("#outcomes")).to_contain_text(f"1 message sent again to {dead.name}.")
    expect(row).to_contain_text("restored")
    assert dead.bodies() == Counter([body])
    acts = rows("SELECT action FROM ops_audit WHERE message_id = $1 ORDER BY id", id_)
    assert [act.action for act in acts] == ["dlq discard", "dlq restore"]
    outcomes = rows("SELECT action, outcome FROM staff_act ORDER BY id DESC LIMIT 1")
    assert outcomes[0].outcome == "DONE"


def test_a_redriven_message_is_under_way_and_the_page_is_not_green(
    dead: DeadQueue, open_console: Open
) -> None:
    dead.fill(an_order_message("o-1"), an_order_message("o-2"))
    console = open_console()
    press(console, "Redrive all", dead)
    dialog(console).get_by_role("button", name="Redrive").click()
    expect(console.get_by_role("link", name="2 redriven, under way")).to_be_visible()
    expect(console.get_by_role("heading", name="All is well")).to_have_count(0)
    expect(console.locator("#letters")).to_contain_text("2 redriven, under way")
    messages = dead.bodies()
    assert messages.total() == 2
    rows("UPDATE ops_audit SET at = at - interval '2 minutes'")  # the counts are no longer late
    console.get_by_role("button", name="Refresh").click()
    expect(console.get_by_role("heading", name="All is well")).to_be_visible()


def test_a_dead_letter_shows_how_often_it_was_redriven(dead: DeadQueue, open_console: Open) -> None:
    once = {"Redriven": {"DataType": "Number", "StringValue": "1"}}
    dead.fill(an_order_message("o-1", occurred_at="2026-01-01T00:00:00Z"), attributes=once)
    console = open_console()
    expect(console.locator("#letters")).to_contain_text("redriven once")
    expect(console.locator("#letters time").first).to_have_attribute(
        "datetime", "2026-01-01T00:00:00.000000Z"
    )
    console.get_by_role("button", name=dead.name, exact=True).click()
    expect(console.locator(".letters > li")).to_contain_text("redriven once")


def test_a_discard_without_an_answer_is_not_repeated(dead: DeadQueue, open_console: Open) -> None:
    dead.fill(GARBAGE[0])
    console = open_console()
    press(console, "Discard all", dead)
    dialog(console).get_by_label("Reason").fill(REASON)
    console.route("**/discard", lambda route: (route.fetch(), route.abort()))
    confirm = dialog(console).get_by_role("button", name="Discard all 1")
    confirm.click()
    expect(dialog(console)).to_contain_text("The API cannot be reached")
    console.unroute("**/discard")
    assert dead.dead_letters() == Counter()
    dead.fill(GARBAGE[1])
    confirm.click()
    expect(dialog(console)).to_contain_text("Close this, and count again.")
    wait_until(lambda: dead.dead_letters() == Counter([GARBAGE[1]]))
