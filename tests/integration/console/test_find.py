"""The find box and the deep links: each thing has one address, which opens it."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from commerce.shared.scopes import Scope
from tests.integration.console.test_staff import sign_in
from tests.support.browser import wider_than_its_window
from tests.support.dead_letters import DeadQueue, an_order_message
from tests.support.gateway import RunningGateway
from tests.support.orders import an_order
from tests.support.payments import a_card_order, pay, payments_of
from tests.support.quarantine import a_quarantined_event, place_of
from tests.support.sessions import PASSWORD, an_account
from tests.support.shop import a_buyer, a_product, rows

pytestmark = pytest.mark.usefixtures("cheap_hashes")

REASON = "The order was shipped by telephone"


@pytest.fixture
def order_id(site: str) -> str:  # in the site's own database
    """A confirmed order."""
    return an_order(a_buyer(points=10_000), (a_product(stock=5, price=100), 1))


def find(console: Page, text: str) -> None:
    """Type a text into the box, and press Enter."""
    console.get_by_label("Find by id").fill(text)
    console.get_by_label("Find by id").press("Enter")


def at(page: Page, hash_: str) -> None:
    """Expect that the address ends like this."""
    expect(page).to_have_url(re.compile(re.escape(f"/console{hash_}") + "$"))


def test_what_is_found_leads_to_its_page_and_the_back_button_to_what_was_before(
    dead: DeadQueue, order_id: str, open_console: Callable[[], Page]
) -> None:
    [message_id] = dead.fill(an_order_message(order_id))
    console = open_console()
    find(console, f' "{order_id.upper()}" ')
    found = console.get_by_role("table", name="Found")
    expect(found).to_contain_text("dead letter")
    expect(found).to_contain_text(message_id)
    console.get_by_role("button", name=f"Open order {order_id}").click()
    at(console, f"#order={order_id}")
    expect(console.get_by_role("table", name="History")).to_be_visible()
    console.go_back()
    expect(console.get_by_role("table", name="History")).to_have_count(0)
    expect(found).to_be_visible()
    console.go_back()
    expect(console.get_by_role("dialog")).to_have_count(0)
    at(console, "")
    console.go_forward()
    expect(found).to_be_visible()
    console.keyboard.press("Escape")
    at(console, "")
    expect(console.get_by_role("dialog")).to_have_count(0)


def test_a_deep_link_opens_after_signing_in_and_survives_a_reload(
    page: Page, site: str, order_id: str
) -> None:
    account = an_account(Scope.OPS, Scope.ORDERS_READ)
    page.goto(f"{site}/console#order={order_id}")
    page.get_by_label("Login id").fill(account.login_id)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    history = page.get_by_role("table", name="History")
    expect(history).to_be_visible()
    page.reload()
    expect(history).to_be_visible()
    page.keyboard.press("Escape")
    at(page, "")
    page.reload()
    expect(page.get_by_role("heading", name="Dead letters")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_what_a_link_opened_is_closed_with_the_session_and_opened_in_the_next(
    page: Page, site: str, order_id: str
) -> None:
    account = an_account(Scope.OPS, Scope.ORDERS_READ)
    sign_in(page, site, account)
    expect(page.get_by_role("heading", name="Dead letters")).to_be_visible()
    page.goto(f"{site}/console#order={order_id}")
    history = page.get_by_role("table", name="History")
    expect(history).to_be_visible()
    page.evaluate("sessionStorage.setItem('lastunit-console-token', 'no longer good')")
    page.evaluate("document.getElementById('refresh').click()")
    expect(page.get_by_text("Your session has ended")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_label("Login id").fill(account.login_id)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(history).to_be_visible()


def test_a_link_to_what_this_person_may_not_see_says_so(
    page: Page, site: str, order_id: str
) -> None:
    sign_in(page, site, an_account(Scope.OPS))
    page.goto(f"{site}/console#order={order_id}")
    expect(page.get_by_role("dialog")).to_contain_text("scope orders:read")
    page.keyboard.press("Escape")
    find(page, order_id)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Nothing is found by")
    expect(dialog).to_contain_text("order (orders:read)")


def test_a_payments_link_shows_it_with_its_order(
    gateway: RunningGateway, site: str, open_console: Callable[[], Page]
) -> None:
    gateway.behave("healthy")
    buyer = a_buyer()
    order_id = a_card_order(buyer, a_product(stock=5, price=100))
    assert pay(buyer, order_id).status == 201
    [payment] = payments_of(order_id)
    console = open_console()
    console.goto(f"{site}/console#payment={payment.id}")
    meant = console.locator("tr.meant")
    expect(meant).to_contain_text(str(payment.id))
    find_again = console.get_by_role("dialog")
    expect(find_again).to_contain_text(order_id)


def test_a_users_link_shows_them_and_is_audited(
    site: str, open_console: Callable[[], Page]
) -> None:
    account = an_account()
    console = open_console()
    find(console, account.login_id.upper())
    console.get_by_role("button", name=f"Open user {account.user_id}").click()
    at(console, f"#user={account.user_id}")
    expect(console.get_by_role("dialog").last).to_contain_text(f"{account.login_id}@example.com")
    acts = rows("SELECT DISTINCT subject FROM staff_act WHERE subject LIKE '%user%'")
    assert [each.subject for each in acts] == [f"/admin/users/{account.user_id}"]


def test_a_queues_link_opens_its_messages(
    dead: DeadQueue, site: str, order_id: str, open_console: Callable[[], Page]
) -> None:
    [message_id] = dead.fill(an_order_message(order_id))
    console = open_console()
    console.goto(f"{site}/console#queue={dead.name}")
    expect(console.get_by_role("button", name=f"Redrive message {message_id}")).to_be_visible()
    console.goto(f"{site}/console#queue=no-such-queue")
    expect(console.locator("#outcomes")).to_contain_text("There is no queue no-such-queue")


def test_a_quarantined_event_is_shown_with_its_data_and_discarded_with_the_password(
    page: Page, site: str
) -> None:
    event_id, order_id = a_quarantined_event()
    sign_in(page, site, an_account(Scope.OPS, Scope.ORDERS_READ))
    page.get_by_role("button", name=f"Event {event_id}", exact=True).click()
    at(page, f"#event={event_id}")
    dialog = page.get_by_role("dialog").first
    for known in ("MalformedDetail", "quarantined", order_id, '"order_id"'):
        expect(dialog).to_contain_text(known)
    page.set_viewport_size({"width": 360, "height": 780})
    assert wider_than_its_window(page) == []
    dialog.get_by_role("button", name=f"Discard event {event_id}").click()
    question = page.get_by_role("dialog").last
    question.get_by_label("Reason").fill(REASON)
    question.get_by_label("Password").fill(PASSWORD)
    question.get_by_role("button", name="Discard").click()
    expect(page.locator("#outcomes")).to_contain_text("is discarded")
    expect(dialog).to_contain_text("EVENT_NOT_FOUND")
    assert place_of(event_id) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Discarded messages").click()
    page.get_by_role("button", name=f"Restore message {event_id}").click()
    page.get_by_role("dialog").last.get_by_role("button", name="Restore").click()
    expect(page.locator("#outcomes")).to_contain_text("1 message sent again to quarantine")
    assert place_of(event_id) == ["outbox"]


def test_a_dead_letter_is_redriven_from_its_orders_timeline(
    dead: DeadQueue, site: str, order_id: str, open_console: Callable[[], Page]
) -> None:
    body = an_order_message(order_id)
    [message_id] = dead.fill(body)
    console = open_console()
    console.goto(f"{site}/console#order={order_id}")
    console.get_by_role("button", name="Show timeline").click()
    console.get_by_role("button", name=f"Redrive message {message_id}").first.click()
    console.get_by_role("dialog").last.get_by_role("button", name="Redrive").click()
    expect(console.locator("#outcomes")).to_contain_text(f"1 message sent back to {dead.name}")
    timeline = console.get_by_role("table", name="Timeline")
    expect(timeline).not_to_contain_text("dead letter")
    assert dead.bodies() == {body: 1}
    [act] = rows("SELECT action, queue FROM ops_audit WHERE message_id = $1", message_id)
    assert tuple(act) == ("dlq redrive", dead.name)


def test_hostile_text_in_box_and_address_is_shown_as_text_and_refused(
    site: str, open_console: Callable[[], Page]
) -> None:
    console = open_console()
    hostile = "<img src=x onerror=alert(1)>\u202e"
    console.goto(f"{site}/console#find={'x' * 10_000}")
    dialog = console.get_by_role("dialog")
    expect(dialog).to_contain_text("VALIDATION_FAILED")
    console.keyboard.press("Escape")
    find(console, hostile)
    heading = dialog.get_by_role("heading")
    expect(heading).to_contain_text("<img src=x onerror=alert(1)>")
    expect(dialog).to_contain_text("VALIDATION_FAILED")
    console.keyboard.press("Escape")
    console.goto(f"{site}/console#find=%E0%A4%A")
    expect(dialog).to_contain_text("Nothing is found by %E0%A4%A")
    expect(console.locator("img")).to_have_count(0)


def test_staff_without_the_scope_ops_are_shown_no_find_box(page: Page, site: str) -> None:
    sign_in(page, site, an_account(Scope.ORDERS_READ))
    expect(page.get_by_role("heading", name="Today's ranking")).to_be_visible()
    expect(page.get_by_label("Find by id")).to_have_count(0)
