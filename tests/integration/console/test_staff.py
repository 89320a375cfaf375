"""The console shows staff what their scopes allow, and asks for the password again."""

from collections import Counter

import pytest
from playwright.sync_api import Page, expect

from commerce.shared.scopes import Scope
from tests.support.books import check_books
from tests.support.dead_letters import DeadQueue
from tests.support.sessions import PASSWORD, Account, an_account
from tests.support.shop import rows

pytestmark = pytest.mark.usefixtures("cheap_hashes")


def sign_in(page: Page, site: str, account: Account) -> None:
    page.goto(f"{site}/console")
    page.get_by_label("Login id").fill(account.login_id)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def panels(page: Page) -> list[str]:
    expect(page.locator("[aria-busy]")).to_have_count(0)
    return page.locator(".panel h2").all_inner_texts()


@pytest.fixture
def letter(dead: DeadQueue) -> str:
    """A dead letter."""
    [id_] = dead.fill("nobody can read this")
    return id_


def test_staff_see_the_panels_of_their_scopes(page: Page, site: str) -> None:
    sign_in(page, site, an_account(Scope.DROPS))
    expect(page.get_by_role("heading", name="Nothing is wrong here")).to_be_visible()
    assert panels(page) == ["Drops", "Today's ranking"]


def test_an_admin_sees_every_panel_and_the_audit(page: Page, site: str) -> None:
    check_books()
    sign_in(page, site, an_account(Scope.ADMIN))
    expect(page.get_by_role("heading", name="All is well")).to_be_visible()
    assert panels(page)[-2:] == ["Audit", "Staff and API keys"]
    assert len(panels(page)) == 14


def test_a_user_without_scopes_is_shown_how_to_get_them(page: Page, site: str) -> None:
    sign_in(page, site, an_account())
    expect(page.get_by_role("alert")).to_contain_text("staff grant")
    assert page.evaluate("sessionStorage.length") == 0


def test_a_discard_needs_the_password_again(
    page: Page, site: str, dead: DeadQueue, letter: str
) -> None:
    account = an_account(Scope.OPS)
    sign_in(page, site, account)
    page.get_by_role("button", name=f"Discard all of {dead.name}").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("typed by hand")
    dialog.get_by_label("Password").fill("another password")
    dialog.get_by_role("button", name="Discard").click()
    expect(dialog.get_by_role("alert")).to_contain_text("BAD_CREDENTIALS")
    assert rows("SELECT 1 FROM ops_audit WHERE message_id = $1", letter) == []
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Discard").click()
    expect(page.locator("#outcomes")).to_contain_text("1 message discarded from")
    assert dead.dead_letters() == Counter()
    [kept] = rows('SELECT "by" FROM ops_audit WHERE message_id = $1', letter)
    assert kept.by == f"admin:{account.user_id}"
    sql = "SELECT count(*) AS n FROM user_session WHERE user_id = $1"
    assert rows(sql, account.user_id)[0].n == 1  # in place of the one before


def test_a_redrive_needs_no_password(page: Page, site: str, dead: DeadQueue) -> None:
    dead.fill("nobody can read this")
    sign_in(page, site, an_account(Scope.OPS))
    page.get_by_role("button", name=f"Redrive all of {dead.name}").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Password")).to_have_count(0)
    dialog.get_by_role("button", name="Redrive").click()
    expect(page.locator("#outcomes")).to_contain_text(f"1 message sent back to {dead.name}.")
