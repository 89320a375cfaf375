"""Dead letters in bulk: found by type and cause, chosen, redriven at a rate, and cancelled."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Dialog, Locator, Page, Route, expect

from commerce.app.operations import dead_letters as module
from tests.support.browser import wider_than_its_window
from tests.support.dead_letters import DeadQueue, an_order_message
from tests.support.operations import note_cause
from tests.support.shop import rows

Open = Callable[[], Page]

DOWN = "DeliverySystemFailed: HTTP 503"
OTHER = '{"detail": {"type": "OrderCancelled"}}'


def opened(console: Page, dead: DeadQueue) -> Locator:
    console.get_by_role("button", name=dead.name, exact=True).click()
    queue = console.get_by_role("region", name=dead.name, exact=True)
    expect(queue.locator(".letters > li").first).to_be_visible()
    return queue


def find(queue: Locator, kind: str = "", cause: str = "") -> None:
    queue.get_by_label("Type").select_option(kind)
    queue.get_by_label("Cause contains").fill(cause)
    queue.get_by_role("button", name="Find", exact=True).click()
    expect(queue.locator(".found [role=status]")).to_be_visible()


def redrives() -> list[Any]:
    sql = "SELECT before, after FROM admin_audit WHERE action = 'redrive dead letters' ORDER BY id"
    return [(row.before, row.after) for row in rows(sql)]


def test_all_of_a_type_and_cause_are_redriven_and_the_others_stay(
    dead: DeadQueue, open_console: Open
) -> None:
    bodies = [an_order_message(f"o-{n}") for n in range(6)]
    ids = dead.fill(*bodies, OTHER)
    for id_ in (*ids[:4], ids[-1]):
        note_cause(id_, DOWN)
    console = open_console()
    queue = opened(console, dead)
    find(queue, "OrderConfirmed", "http 503")
    expect(queue.get_by_text("4 messages of 7 found")).to_be_visible()
    expect(queue.get_by_role("button", name="Redrive message")).to_have_count(4)
    queue.get_by_role("button", name="Redrive all 4 found").click()
    dialog = console.get_by_role("dialog")
    expect(dialog).to_contain_text("Keep this tab open")
    dialog.get_by_label("Messages a second").fill("50")
    dialog.get_by_role("button", name="Redrive").click()
    expect(console.locator("#outcomes")).to_contain_text(f"4 messages sent back to {dead.name}.")
    expect(queue.get_by_text("0 messages of 3 found")).to_be_visible()
    [(before, after)] = redrives()
    assert (before["kind"], before["cause"], before["rate"]) == ("OrderConfirmed", "http 503", 50)
    assert after == {"state": "DONE", "sent": 4, "failed": 0}
    [act] = rows("SELECT outcome FROM staff_act WHERE action LIKE 'POST %redrive'")
    assert act.outcome == "DONE"
    assert dead.bodies() == Counter(bodies[:4])
    expect(console.locator("#audit")).to_contain_text("4 sent back")


def test_chosen_messages_are_redriven_together(dead: DeadQueue, open_console: Open) -> None:
    bodies = [an_order_message(f"o-{n}") for n in range(5)]
    ids = dead.fill(*bodies)
    console = open_console()
    queue = opened(console, dead)
    for id_ in ids[1:3]:
        queue.get_by_role("checkbox", name=f"Choose message {id_}").check()
    expect(queue.get_by_role("checkbox", name=f"Choose message {ids[2]}")).to_be_focused()
    queue.get_by_role("button", name="Redrive 2 chosen").click()
    console.get_by_role("dialog").get_by_role("button", name="Redrive").click()
    expect(console.locator("#outcomes")).to_contain_text("2 messages sent back")
    expect(queue.locator(".letters > li")).to_have_count(3)
    expect(queue.get_by_role("button", name="chosen")).to_have_count(0)
    assert dead.bodies() == Counter(bodies[1:3])


def test_a_type_and_cause_of_the_list_is_found_by_its_button(
    dead: DeadQueue, open_console: Open
) -> None:
    ids = dead.fill(an_order_message("o-1"), OTHER)
    note_cause(ids[0], DOWN)
    console = open_console()
    queue = opened(console, dead)
    find(queue)
    queue.get_by_text("Types and causes", exact=True).click()
    queue.get_by_role("button", name=f"Find OrderConfirmed, {DOWN}").click()
    expect(queue.get_by_text("1 message of 2 found")).to_be_visible()
    expect(queue.get_by_label("Cause contains")).to_have_value(DOWN)
    queue.get_by_role("button", name="Show all of").click()
    expect(queue.locator(".letters > li")).to_have_count(2)


def test_what_is_typed_to_find_survives_a_refresh(dead: DeadQueue, open_console: Open) -> None:
    dead.fill(an_order_message("o-1"))
    console = open_console()
    queue = opened(console, dead)
    cause = queue.get_by_label("Cause contains")
    cause.fill("http 503")
    cause.press("ArrowLeft")
    dead.fill(an_order_message("o-2"))
    console.get_by_role("button", name="Refresh").evaluate("(button) => button.click()")
    expect(queue.locator(".letters > li")).to_have_count(2)
    expect(cause).to_be_focused()
    console.keyboard.type("5")
    expect(cause).to_have_value("http 5053")


def test_a_redrive_is_cancelled_and_the_rest_stays(
    dead: DeadQueue, open_console: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART_SECONDS", 0.5)
    dead.fill(*(an_order_message(f"o-{n}") for n in range(60)))
    console = open_console()
    console.get_by_role("button", name=f"Redrive all of {dead.name}").click()
    dialog = console.get_by_role("dialog")
    dialog.get_by_label("Messages a second").fill("10")
    dialog.get_by_role("button", name="Redrive").click()
    expect(dialog.get_by_role("status")).to_contain_text("of 60 sent back")
    console.keyboard.press("Escape")
    expect(console.locator("#outcomes")).to_contain_text("The others stay dead letters.")
    [(_, after)] = redrives()
    assert after["state"] == "CANCELLED"
    assert 10 <= after["sent"] < 60
    assert sum(dead.bodies().values()) == after["sent"]


def test_a_redrive_goes_on_after_a_part_without_an_answer(
    dead: DeadQueue, open_console: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART_SECONDS", -1.0)
    bodies = [an_order_message(f"o-{n}") for n in range(35)]
    dead.fill(*bodies)
    console = open_console()
    calls: list[str] = []

    def lose_the_second(route: Route) -> None:
        calls.append(route.request.url)
        if len(calls) == 2:
            route.fetch()  # it is done, and its answer lost
            route.abort()
        else:
            route.continue_()

    console.route("**/redrive/*", lose_the_second)
    console.get_by_role("button", name=f"Redrive all of {dead.name}").click()
    dialog = console.get_by_role("dialog")
    dialog.get_by_role("button", name="Redrive").click()
    expect(dialog.get_by_role("alert")).to_contain_text("cannot be reached")
    dialog.get_by_role("button", name="Redrive").click()
    expect(console.locator("#outcomes")).to_contain_text("35 messages sent back")
    assert [after["sent"] for _, after in redrives()] == [35]  # of one redrive
    assert dead.bodies() == Counter(bodies)


def test_a_closed_tab_leaves_what_was_not_sent_as_dead_letters(
    dead: DeadQueue, open_console: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART_SECONDS", 0.5)
    dead.fill(*(an_order_message(f"o-{n}") for n in range(60)))
    console = open_console()
    asked: list[str] = []

    def leave(box: Dialog) -> None:
        asked.append(box.type)
        box.accept()

    console.on("dialog", leave)
    console.get_by_role("button", name=f"Redrive all of {dead.name}").click()
    dialog = console.get_by_role("dialog")
    dialog.get_by_label("Messages a second").fill("10")
    dialog.get_by_role("button", name="Redrive").click()
    expect(dialog.get_by_role("status")).to_contain_text("of 60 sent back")
    console.reload()
    expect(console.get_by_role("heading", name="Dead letters")).to_be_visible()
    assert asked == ["beforeunload"]
    expect(console.locator("#letters .under-way")).to_contain_text("redriven, under way")
    [(_, after)] = redrives()
    assert after["state"] == "UNDER_WAY"
    expect(console.locator("#audit")).to_contain_text("UNKNOWN")


def test_finding_fits_a_narrow_screen(dead: DeadQueue, open_console: Open) -> None:
    ids = dead.fill(an_order_message("o-1"), OTHER)
    note_cause(ids[0], DOWN * 6)
    console = open_console()
    queue = opened(console, dead)
    find(queue, cause="http")
    queue.get_by_text("Types and causes", exact=True).click()
    for width in (360, 1280):
        console.set_viewport_size({"width": width, "height": 800})
        assert wider_than_its_window(console) == []
