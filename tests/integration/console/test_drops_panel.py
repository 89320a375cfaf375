"""The console's panel of drops: what it shows of each, and what an operator may press."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from commerce.app import drops
from commerce.app.transactions import in_transaction
from commerce.drop import CancelDrop, DropFacade, promotion
from tests.support.browser import wider_than_its_window
from tests.support.drops import (
    a_published_drop,
    an_offering_drop,
    begin_entries,
    drop_terms,
    in_line,
    order_offer,
    settle,
    shift,
    statuses,
)
from tests.support.shop import a_buyer, a_product, assert_books_hold, rows, stock_of

Open = Callable[[], Page]


def test_a_shop_without_drops_says_so(open_console: Open) -> None:
    expect(open_console().locator("#drops")).to_contain_text("There is no drop.")


def test_a_drop_shows_its_state_units_and_entries(open_console: Open) -> None:
    product, buyers = a_product(stock=9, price=10), [a_buyer(100) for _ in range(7)]
    drop_id = an_offering_drop(product, buyers, units=3)
    buyer, entry = in_line(drop_id, buyers)[0]
    order_offer(buyer, entry, product)

    console = open_console()

    panel = console.get_by_role("region", name=f"Drop {drop_id}")
    for text in ("OFFERING", "BOUGHT 1", "OFFERED 2", "WAITING 4"):
        expect(panel.get_by_text(text, exact=True)).to_be_visible()
    figures = {"units": 3, "free": 0, "held": 2, "bought": 1, "back in stock": 0, "entries": 7}
    assert panel.locator(".figure").all_inner_texts() == [
        f"{number}\n{name}" for name, number in figures.items()
    ]
    with console.context.expect_page() as opened:
        panel.get_by_role("link", name="proof").click()
    assert opened.value.url.endswith(f"/drops/{drop_id}/proof")
    expect(opened.value.locator("body")).to_contain_text("entries_root")
    for width in (1280, 360):
        console.set_viewport_size({"width": width, "height": 900})
        assert wider_than_its_window(console) == []


def test_a_stuck_drop_is_what_is_wrong(open_console: Open) -> None:
    drop_id = a_published_drop(a_product(), units=1)
    begin_entries(drop_id)
    past = "now() - interval '3 min'"
    shift(drop_id, entries_at=f"{past} - interval '1 h'", draws_at=past)

    console = open_console()

    expect(console.get_by_role("heading", name="One thing is wrong")).to_be_visible()
    link = console.get_by_role("link", name=f"Drop …{str(drop_id)[-8:]} is stuck: the draw's time")
    expect(link).to_have_attribute("href", "#drops")
    expect(console.locator("#drops .cause")).to_contain_text("its entries are not sealed")


def test_a_cancelled_drop_whose_entries_do_not_end_is_what_is_wrong(
    open_console: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promotion, "PART", 1)
    drop_id = an_offering_drop(a_product(stock=1), [a_buyer() for _ in range(3)])
    command = CancelDrop(reason="Damaged")
    in_transaction(drops.cancel_drop, str(drop_id), command, by="test", if_match=None)
    rows("UPDATE drop_log SET at = now() - interval '3 min' WHERE kind = 'CANCELLED' RETURNING 1")

    console = open_console()

    name = f"Drop …{str(drop_id)[-8:]} is stuck: it is cancelled, and not all of its entries"
    expect(console.get_by_role("link", name=name)).to_have_attribute("href", "#drops")
    expect(console.locator("#drops .cause")).to_contain_text("not all of its entries have ended")
    settle(drop_id)
    console.get_by_role("button", name="Refresh").click()
    expect(console.locator("#drops .cause")).to_have_count(0)


def test_a_draft_is_published_only_after_a_yes(open_console: Open) -> None:
    product = a_product(stock=5)
    terms = drop_terms(product, 3)
    draft = in_transaction(DropFacade.create, terms, verified_only=False, by="test").id
    console = open_console()
    console.get_by_role("button", name=f"Publish drop {draft}").click()
    dialog = console.get_by_role("dialog")
    expect(dialog).to_contain_text("are fixed from then on")
    dialog.get_by_role("button", name="Cancel").click()
    assert stock_of(product) == 5
    console.get_by_role("button", name=f"Publish drop {draft}").click()
    dialog.get_by_role("button", name="Publish").click()
    expect(console.locator("#outcomes")).to_contain_text("is published.")
    expect(console.locator("#drops")).to_contain_text("SCHEDULED")
    assert stock_of(product) == 2
    assert_books_hold(product)


def test_added_units_leave_the_available_stock(open_console: Open) -> None:
    product = a_product(stock=9)
    drop_id = an_offering_drop(product, [a_buyer(), a_buyer()])
    console = open_console()
    console.get_by_role("button", name=f"Add units drop {drop_id}").click()
    dialog = console.get_by_role("dialog")
    dialog.get_by_label("Units").fill("0")
    dialog.get_by_role("button", name="Add").click()
    expect(dialog).to_be_visible()  # the browser asks for at least one
    dialog.get_by_label("Units").fill("4")
    dialog.get_by_role("button", name="Add").click()
    expect(console.locator("#outcomes")).to_contain_text("has 4 more")
    assert stock_of(product) == 4
    assert_books_hold(product)


def test_each_lot_of_a_drop_can_be_enlarged(open_console: Open) -> None:
    products = [a_product(stock=9) for _ in range(3)]
    lots = [{"product_id": product, "units": 1} for product in products]
    drop_id = a_published_drop(products[0], lots=lots)
    console = open_console()

    units = console.get_by_role("region", name=f"Drop {drop_id}").locator(".figure").first
    for product, more, total in zip(products, (1, 2, 3), (4, 6, 9), strict=True):
        console.get_by_role("button", name=f"Add units drop {drop_id}").click()
        dialog = console.get_by_role("dialog")
        dialog.get_by_label("Product").select_option(product)
        dialog.get_by_label("Units").fill(str(more))
        dialog.get_by_role("button", name="Add").click()
        added = f"has {more} more of …{product[-8:]}"
        expect(console.locator("#outcomes")).to_contain_text(added)
        expect(units).to_have_text(re.compile(f"^{total}"))  # the drop is shown anew

    assert [stock_of(product) for product in products] == [7, 6, 5]
    assert_books_hold(*products)


def test_a_drop_is_cancelled_with_a_public_reason(open_console: Open) -> None:
    product = a_product(stock=3)
    drop_id = an_offering_drop(product, [a_buyer(), a_buyer()], units=1)
    console = open_console()
    console.get_by_role("button", name=f"Cancel drop {drop_id}").click()
    dialog = console.get_by_role("dialog")
    expect(dialog).to_contain_text("Orders stand")
    dialog.get_by_role("button", name="Cancel the drop").click()
    expect(dialog).to_be_visible()  # a reason is required
    assert statuses(drop_id) == ["OFFERED", "WAITING"]
    dialog.get_by_label("Reason, public in the drop's log").fill("Damaged in transit")
    dialog.get_by_role("button", name="Cancel the drop").click()
    expect(console.locator("#outcomes")).to_contain_text("is cancelled.")
    panel = console.get_by_role("region", name=f"Drop {drop_id}")
    expect(panel.get_by_role("button")).to_have_count(0)
    expect(panel.get_by_role("link", name="report")).to_be_visible()
    [record] = rows("SELECT data FROM drop_log WHERE kind = 'CANCELLED'")
    assert "Damaged in transit" in record.data
    assert (statuses(drop_id), stock_of(product)) == (["VOID", "VOID"], 3)


def test_a_drop_that_changed_since_it_was_shown_is_not_changed(open_console: Open) -> None:
    drop_id = an_offering_drop(a_product(stock=3), [a_buyer()], units=1)
    console = open_console()
    rows("UPDATE product_drop SET version = version + 1")
    console.get_by_role("button", name=f"Cancel drop {drop_id}").click()
    dialog = console.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("Too late")
    dialog.get_by_role("button", name="Cancel the drop").click()
    expect(dialog.get_by_role("alert")).to_contain_text("STALE_VERSION")
    assert statuses(drop_id) == ["OFFERED"]
