"""Details of the page: focus, title, announcements, unseen characters, charts."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from commerce.runtime import tokens
from commerce.shared import clock
from commerce.shared.scopes import Scope
from tests.integration.console.conftest import TOKEN
from tests.support.browser import a_page
from tests.support.dead_letters import DeadQueue, an_order_message
from tests.support.operations import note_cause
from tests.support.orders import an_order
from tests.support.shop import a_buyer, a_product, rows

Open = Callable[[], Page]

UNSEEN = {
    "\u202e": "\\u202e", "\u2066": "\\u2066", "\u200f": "\\u200f", "\u061c": "\\u061c",
    "\u200b": "\\u200b", "\u00ad": "\\u00ad", "\ufeff": "\\ufeff", "\u3164": "\\u3164",
    "\u2028": "\\u2028", "\x07": "\\u0007", "\U000e0041": "\\u{e0041}",
}  # fmt: skip


@pytest.fixture
def page_in_kolkata(browser: Browser) -> Iterator[Page]:
    """A page of somebody in Kolkata."""
    with a_page(browser, timezone_id="Asia/Kolkata") as opened:
        yield opened


def sold(units: int, stock: int, name: str) -> str:
    """Sell units of a new product, of which so many stay."""
    product = a_product(stock=1 + stock, price=1, name=name)
    an_order(a_buyer(points=1), (product, 1))
    sql = "UPDATE order_line SET quantity = $2 WHERE product_id = $1 RETURNING order_id"
    rows(sql, product, units)  # one order has 99 at most
    return product


def test_after_the_last_dead_letter_the_focus_is_at_the_panels_heading(
    dead: DeadQueue, open_console: Open
) -> None:
    dead.fill(an_order_message("o-1"))
    console = open_console()
    console.get_by_role("button", name=dead.name, exact=True).click()
    letter = console.locator(".letters > li")
    letter.get_by_role("button", name="Redrive").click()
    console.get_by_role("dialog").get_by_role("button", name="Redrive").click()
    expect(console.get_by_text("No dead letters in 2 queues.")).to_be_visible()
    expect(console.get_by_role("heading", name="Dead letters")).to_be_focused()


def test_after_one_of_several_dead_letters_the_focus_is_at_their_queue(
    dead: DeadQueue, open_console: Open
) -> None:
    dead.fill(an_order_message("o-1"), an_order_message("o-2"))
    console = open_console()
    queue = console.get_by_role("button", name=dead.name, exact=True)
    queue.click()
    console.locator(".letters > li").first.get_by_role("button", name="Redrive").click()
    console.get_by_role("dialog").get_by_role("button", name="Redrive").click()
    expect(console.locator(".letters > li")).to_have_count(1)
    expect(queue).to_be_focused()


def test_the_title_has_the_number_of_what_is_wrong(dead: DeadQueue, open_console: Open) -> None:
    console = open_console()
    expect(console).to_have_title("Lastunit console")
    dead.fill(an_order_message("o-1"))
    console.get_by_role("button", name="Refresh").click()
    expect(console).to_have_title("(1) Lastunit console")
    console.get_by_role("button", name="Sign out").click()
    expect(console).to_have_title("Lastunit console")


def test_a_new_incident_is_announced_once_and_again_when_it_comes_back(
    dead: DeadQueue, open_console: Open
) -> None:
    console = open_console()
    said = console.get_by_role("status", name="New incidents")
    expect(said).to_have_text("")
    console.evaluate(
        "window.said = []; new MutationObserver((all) => all.forEach((each) =>"
        " each.addedNodes.forEach((node) => window.said.push(node.textContent))))"
        ".observe(document.getElementById('incidents'), { childList: true })"
    )
    refresh = console.get_by_role("button", name="Refresh")
    dead.fill(an_order_message("o-1"))
    refresh.click()
    expect(said).to_have_text(f"New: 1 dead letter in {dead.name}.")
    dead.fill(an_order_message("o-2"))
    refresh.click()
    expect(console.get_by_role("link", name="2 dead letters in 1 queue")).to_be_visible()
    assert len(dead.dead_letters()) == 2
    refresh.click()
    expect(console.get_by_role("heading", name="All is well")).to_be_visible()
    dead.fill(an_order_message("o-3"))
    refresh.click()
    expect(console.get_by_role("link", name="1 dead letter in 1 queue")).to_be_visible()
    assert console.evaluate("window.said") == [f"New: 1 dead letter in {dead.name}."] * 2


def test_unseen_characters_from_outside_are_shown_as_code_points(
    dead: DeadQueue, open_console: Open
) -> None:
    [id_] = dead.fill(f"body {''.join(UNSEEN)}\nnext line".replace("\x07", "\t"))
    note_cause(id_, f"Failed: {''.join(UNSEEN)}")
    console = open_console()
    shown = "".join(UNSEEN.values())
    expect(console.locator("#letters .cause").first).to_contain_text(f"Failed: {shown}")
    console.get_by_role("button", name=dead.name, exact=True).click()
    console.locator(".letters summary").click()
    expect(console.locator(".letters pre")).to_contain_text(
        f"body {shown}\nnext line".replace("\\u0007", "\t")
    )
    raw = console.evaluate(
        "[document.body.innerHTML, ...[...document.querySelectorAll('[title], [aria-label]')]"
        ".map((each) => each.title + each.ariaLabel)].join('')"
    )
    assert [each for each in UNSEEN if each in raw] == []


def test_what_is_sold_out_is_not_red(open_console: Open) -> None:
    sold(2, 0, "Gone")
    console = open_console()
    figures = console.locator("#stock .figures")
    expect(figures).to_have_text("2 sold · sold out")
    bad = console.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--bad')")
    probe = f"(() => {{ const made = document.createElement('i'); made.style.color = '{bad}';"
    red = console.evaluate(
        f"{probe} document.body.append(made); return getComputedStyle(made).color; }})()"
    )
    assert figures.evaluate("(each) => getComputedStyle(each).color") != red


def test_one_big_product_leaves_the_bars_of_the_others_visible(open_console: Open) -> None:
    sold(100_000, 0, "Drop mug")
    for number in range(4):
        sold(10 + number, 10, f"Mug {number}")
    console = open_console()
    bars = console.locator("#stock li").evaluate_all(
        "(all) => all.map((each) => [each.querySelector('.name').textContent,"
        " each.querySelector('.figures').textContent,"
        " each.querySelector('.bar:not(.left)').getBoundingClientRect().width])"
    )
    widths = {name: width for name, _, width in bars}
    texts = {name: text for name, text, _ in bars}
    assert texts["Drop mug"] == "100,000 sold · sold out ≈"
    assert min(widths.values()) > 20
    assert widths["Drop mug"] == max(widths.values())
    expect(console.locator("#stock")).to_contain_text("Bars end at 88 units; longer ones are cut")
    expect(console.locator("#sales")).to_contain_text("most in an hour")


def test_bars_of_like_products_are_not_cut(open_console: Open) -> None:
    for number in (5, 9, 30):
        sold(number, 0, f"Mug {number}")
    console = open_console()
    expect(console.locator("#stock li")).to_have_count(3)
    expect(console.locator("#stock")).not_to_contain_text("Bars end at")


def test_charts_name_their_time_zone(page_in_kolkata: Page, site: str) -> None:
    sold(1, 1, "Mug")
    token = tokens.sign(clock.new_id(), frozenset({Scope.ADMIN}))
    page_in_kolkata.add_init_script(f"sessionStorage.setItem('{TOKEN}', '{token}')")
    page_in_kolkata.goto(f"{site}/console")
    sales = page_in_kolkata.locator("#sales")
    # Browsers name the zone by its old or its new name.
    expect(sales.locator("figcaption")).to_contain_text("(GMT+5:30)")
    sales.get_by_text("As a table").click()
    expect(sales.get_by_role("columnheader", name="GMT+5:30")).to_be_visible()
    expect(sales.get_by_role("cell").first).to_contain_text(":30")
