"""The console in a browser: what it shows, and what operators do with it."""

import re
from collections import Counter
from collections.abc import Callable

from playwright.sync_api import Page, Route, expect

from tests.support.browser import tab_to
from tests.support.dead_letters import DeadQueue, an_order_message
from tests.support.orders import an_order
from tests.support.other_connection import wait_until
from tests.support.shop import a_buyer, a_product, rows

Open = Callable[[], Page]


def test_a_healthy_shop_is_shown_as_healthy(open_console: Open) -> None:
    console = open_console()
    expect(console.get_by_role("heading", name="All is well")).to_be_visible()
    expect(console.get_by_text("No dead letters in 2 queues.")).to_be_visible()
    expect(console.get_by_text("No payment is unfinished.")).to_be_visible()


def test_a_dead_letter_is_shown_with_its_order_and_redriven(
    dead: DeadQueue, open_console: Open
) -> None:
    order_id = an_order(a_buyer(points=1_000), (a_product(stock=1, price=100), 1))
    body = an_order_message(order_id)
    dead.fill(body)
    console = open_console()
    expect(console.get_by_role("link", name="1 dead letter in 1 queue")).to_be_visible()
    console.get_by_role("button", name=dead.name, exact=True).click()
    letter = console.locator(".letters > li")
    expect(letter).to_contain_text("OrderConfirmed")
    letter.get_by_role("button", name=f"Order {order_id}").click()
    expect(console.get_by_role("dialog")).to_contain_text("Paid by points")
    console.keyboard.press("Escape")
    letter.get_by_role("button", name="Redrive").click()
    assert dead.bodies() == Counter()  # it asks first
    console.get_by_role("dialog").get_by_role("button", name="Redrive").click()
    expect(console.locator("#outcomes")).to_contain_text(f"1 message sent back to {dead.name}.")
    expect(console.get_by_text("No dead letters in 2 queues.")).to_be_visible()
    assert dead.bodies() == Counter([body])


def test_a_dead_letter_can_be_discarded_with_the_keyboard_alone(
    dead: DeadQueue, open_console: Open
) -> None:
    [id_] = dead.fill("nobody can read this")
    console = open_console()
    console.evaluate("document.activeElement.blur()")
    console.keyboard.press("Tab")
    expect(console.get_by_role("link", name="Skip to what is wrong")).to_be_focused()
    console.keyboard.press("Enter")
    tab_to(console, f"toggle {dead.name}")
    console.keyboard.press("Enter")
    expect(console.locator(f'[data-key="discard {id_}"]')).to_be_visible()
    tab_to(console, f"discard {id_}")
    console.keyboard.press("Enter")
    dialog = console.get_by_role("dialog")
    expect(dialog.get_by_label("Reason")).to_be_focused()
    console.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(console.locator(f'[data-key="discard {id_}"]')).to_be_focused()
    console.keyboard.press("Enter")
    console.keyboard.type("typed by hand")
    for _ in range(6):  # round and round
        console.keyboard.press("Tab")
        assert console.evaluate(
            "document.activeElement === document.body ||"
            " document.querySelector('dialog').contains(document.activeElement)"
        )
    dialog.get_by_label("Reason").focus()
    console.keyboard.press("Enter")
    expect(console.locator("#outcomes")).to_contain_text("1 message discarded from")
    [kept] = rows("SELECT reason FROM ops_audit WHERE message_id = $1", id_)
    assert (kept.reason, dead.dead_letters()) == ("typed by hand", Counter())


def test_a_failed_action_shows_its_problem_and_request_id(
    dead: DeadQueue, open_console: Open
) -> None:
    body = an_order_message("o-1")
    dead.fill(body)
    console = open_console()
    problem = (
        '{"title": "A part does not answer", "detail": "Try again.", "code": "UNAVAILABLE",'
        ' "request_id": "r-17", "status": 503}'
    )
    console.route("**/redrive", lambda route: route.fulfill(status=503, body=problem))
    console.get_by_role("button", name=f"Redrive all of {dead.name}").click()
    console.get_by_role("dialog").get_by_role("button", name="Redrive").click()
    alert = console.get_by_role("dialog").get_by_role("alert")
    expect(alert).to_contain_text("Try again.")
    expect(alert).to_contain_text("r-17")
    wait_until(lambda: dead.dead_letters() == Counter([body]))  # the page may have received it


def test_a_panel_that_cannot_load_shows_the_problem_and_its_last_content(
    dead: DeadQueue, open_console: Open
) -> None:
    dead.fill(an_order_message("o-1"))
    console = open_console()
    problem = '{"detail": "The queues do not answer.", "request_id": "r-18"}'
    console.route("**/dead-letters", lambda route: route.fulfill(status=503, body=problem))
    console.get_by_role("button", name="Refresh").click()
    expect(console.locator("#letters").get_by_role("alert")).to_contain_text(
        "The queues do not answer."
    )
    expect(console.get_by_role("button", name=dead.name, exact=True)).to_be_visible()
    expect(console.get_by_role("link", name="answer missing")).to_be_visible()


def test_what_is_old_is_never_shown_as_fresh(open_console: Open) -> None:
    console = open_console()
    expect(console.locator("#freshness")).to_contain_text("updated")
    console.route("**/admin/**", lambda route: route.abort())
    console.route("**/rankings*", lambda route: route.abort())
    console.get_by_role("button", name="Refresh").click()
    expect(console.locator("#freshness")).to_contain_text("not updated for")
    expect(console.get_by_role("heading", name="All is well")).to_have_count(0)
    expect(console.locator("#orders")).to_contain_text("Shown as it was")
    console.unroute_all()
    console.get_by_role("button", name="Refresh").click()
    expect(console.locator("#freshness")).to_have_text(re.compile("^updated"))
    expect(console.get_by_role("heading", name="All is well")).to_be_visible()


def test_an_api_that_does_not_answer_ends_all_is_well_in_a_minute(
    page: Page, open_console: Open
) -> None:
    page.clock.install()
    console = open_console()
    expect(console.get_by_role("heading", name="All is well")).to_be_visible()
    console.route("**/admin/**", lambda _: None)  # it never answers
    console.route("**/rankings*", lambda _: None)
    console.clock.fast_forward(20_000)
    expect(console.get_by_role("heading", name="All is well")).to_be_visible()
    console.clock.fast_forward(60_000)
    expect(console.get_by_role("heading", name="All is well")).to_have_count(0)
    expect(console.get_by_role("link", name="Not updated for 1 min")).to_be_visible()
    expect(console.locator("#freshness")).to_contain_text("not updated for 1 min")


def test_what_costs_buyers_most_is_first(dead: DeadQueue, open_console: Open) -> None:
    dead.fill("nobody can read this")
    console = open_console()
    breaker = {"state": "open", "since": None, "calls": 10, "failed": 9, "causes": ["HTTP 500"]}

    def stopped(route: Route) -> None:
        overview = route.fetch().json()
        overview["outbox"] |= {"set_aside_count": 1}
        route.fulfill(json={**overview, "breaker": breaker})

    console.route("**/admin/overview", stopped)
    console.get_by_role("button", name="Refresh").click()
    expect(console.locator(".wrongs a[data-key]")).to_have_text(
        ["Card payments are stopped: the breaker is open", "1 dead letter in 1 queue",
         "1 event quarantined"]
    )  # fmt: skip


def test_a_refresh_keeps_the_focus_and_open_details(dead: DeadQueue, open_console: Open) -> None:
    dead.fill(an_order_message("o-1"))
    console = open_console()
    console.get_by_role("button", name=dead.name, exact=True).click()
    letter = console.locator(".letters > li")
    letter.get_by_text("Message", exact=True).click()
    redrive = letter.get_by_role("button", name="Redrive")
    redrive.focus()
    dead.fill(an_order_message("o-2"))
    with console.expect_response("**/dead-letters/*"):
        console.evaluate("document.getElementById('refresh').click()")
    expect(console.locator(".letters > li")).to_have_count(2)
    expect(
        console.locator(".letters > li").first.get_by_role("button", name="Redrive")
    ).to_be_focused()
    expect(console.locator("details[open] pre")).to_have_count(1)


def test_an_ended_session_leads_to_the_sign_in(open_console: Open) -> None:
    console = open_console()
    console.evaluate("sessionStorage.setItem('lastunit-console-token', 'x.y.z')")
    console.get_by_role("button", name="Refresh").click()
    expect(console.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(console.get_by_text("Your session has ended.")).to_be_visible()
    assert console.evaluate("sessionStorage.getItem('lastunit-console-token')") is None


def test_the_theme_is_switched_and_remembered(open_console: Open) -> None:
    console = open_console()
    for theme in ("light", "dark"):
        console.get_by_role("button", name="Theme").click()
        expect(console.locator("html")).to_have_attribute("data-theme", theme)
    console.reload()
    expect(console.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_messages_content_is_never_rendered_as_markup(
    dead: DeadQueue, open_console: Open
) -> None:
    dead.fill('{"detail": {"type": "<img src=x onerror=alert(1)>", "id": "<b>", "data": {}}}')
    console = open_console()
    console.get_by_role("button", name=dead.name, exact=True).click()
    expect(console.locator(".letters .badge")).to_have_text("<img src=x onerror=alert(1)>")
    assert console.locator("img").count() == 0
