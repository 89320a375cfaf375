"""The console's panel of staff and API keys: what it shows, and what admins do with it."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from commerce.shared.scopes import Scope
from tests.integration.console.test_staff import panels, sign_in
from tests.support.books import check_books
from tests.support.browser import tab_to, wider_than_its_window
from tests.support.sessions import PASSWORD, Account, an_account
from tests.support.shop import rows
from tests.support.staff import a_key_with, acts_by, by_key, list_staff

pytestmark = pytest.mark.usefixtures("cheap_hashes")

HEBREW = "מחסן"


@pytest.fixture
def admin(site: str) -> Account:  # in the site's own database
    """An admin who has signed up."""
    return an_account(Scope.ADMIN)


@pytest.fixture
def open_staff(page: Page, site: str, admin: Account) -> Callable[[], Locator]:
    """Sign the admin in, and open the panel; call it after the shop is prepared."""

    def opened() -> Locator:
        sign_in(page, site, admin)
        page.get_by_role("button", name="Show staff and API keys").click()
        expect(page.get_by_role("table", name="Members of staff")).to_be_visible()
        return page.locator("#staff")

    return opened


def confirm(page: Page, verb: str, password: str = PASSWORD) -> None:
    """Type the password into the dialog, and press its button."""
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Password").fill(password)
    dialog.get_by_role("button", name=verb).click()


def scopes_of(account: Account) -> list[str]:
    [user] = rows("SELECT scopes FROM user_account WHERE id = $1", account.user_id)
    found: list[str] = user.scopes
    return found


def keys_named(name: str) -> list[tuple[list[str], bool]]:
    sql = "SELECT scopes, revoked_at IS NOT NULL AS revoked FROM api_key WHERE name = $1"
    return [(row.scopes, row.revoked) for row in rows(sql, name)]


def test_staff_without_the_scope_admin_are_not_shown_staff(page: Page, site: str) -> None:
    check_books()
    sign_in(page, site, an_account(*(each for each in Scope if each != Scope.ADMIN)))
    expect(page.get_by_role("heading", name="All is well")).to_be_visible()
    assert "Staff and API keys" not in panels(page)


def test_staff_are_read_only_when_they_are_looked_at(
    page: Page, admin: Account, open_staff: Callable[[], Locator]
) -> None:
    member = an_account(Scope.STOCK, Scope.ORDERS_READ)
    panel = open_staff()
    row = panel.get_by_role("row").filter(has_text=member.login_id)
    expect(row).to_contain_text("stock orders:read")
    expect(row).to_contain_text("not signed in")
    expect(panel.get_by_role("row").filter(has_text=admin.login_id)).to_contain_text("ago")
    with page.expect_response("**/admin/overview"):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # as the timer does
    expect(page.locator("[aria-busy]")).to_have_count(0)
    looks = [each for each in acts_by(f"admin:{admin.user_id}") if each[0] == "GET /admin/staff"]
    assert looks == [("GET /admin/staff", "DONE", None)]


def test_scopes_are_granted_besides_those_held_with_the_password_again(
    page: Page, admin: Account, open_staff: Callable[[], Locator]
) -> None:
    member = an_account(Scope.STOCK)
    panel = open_staff()
    panel.get_by_role("button", name="Grant scopes").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Login id").fill(member.login_id.lower())
    confirm(page, "Grant")
    assert scopes_of(member) == ["stock"]  # the browser wants a scope first
    dialog.get_by_label("coupons").check()
    confirm(page, "Grant", "another password")
    expect(dialog.get_by_role("alert")).to_contain_text("BAD_CREDENTIALS")
    assert scopes_of(member) == ["stock"]
    confirm(page, "Grant")
    expect(page.locator("#outcomes")).to_contain_text("has 2 scopes: stock, coupons.")
    expect(panel.get_by_role("row").filter(has_text=member.login_id)).to_contain_text(
        "stock coupons"
    )
    assert scopes_of(member) == ["coupons", "stock"]
    granted = ("PUT /admin/staff/{user_id}", "DONE", None)
    assert acts_by(f"admin:{admin.user_id}").count(granted) == 1


def test_a_login_id_that_nothing_has_is_granted_nothing(
    page: Page, open_staff: Callable[[], Locator]
) -> None:
    open_staff().get_by_role("button", name="Grant scopes").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Login id").fill("nouser")
    dialog.get_by_label("stock").check()
    confirm(page, "Grant")
    expect(dialog.get_by_role("alert")).to_contain_text("No user has the login id nouser.")


def test_scopes_are_changed_and_revoked_and_the_audit_shows_both(
    page: Page, open_staff: Callable[[], Locator]
) -> None:
    member = an_account(Scope.STOCK, Scope.OPS)
    panel = open_staff()
    panel.get_by_role("button", name=f"Change the scopes of {member.login_id}").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("stock")).to_be_checked()
    dialog.get_by_label("stock").uncheck()
    confirm(page, "Change")
    expect(page.locator("#outcomes")).to_contain_text(f"{member.login_id} has 1 scope: ops.")
    panel.get_by_role("button", name=f"Revoke all scopes of {member.login_id}").click()
    confirm(page, "Revoke")
    expect(page.locator("#outcomes")).to_contain_text(f"{member.login_id} has no scopes.")
    expect(panel.get_by_role("row").filter(has_text=member.login_id)).to_have_count(0)
    assert scopes_of(member) == []
    panel.get_by_role("button", name="Changes of staff and API keys").click()
    changes = page.get_by_role("dialog").locator("tbody tr")
    expect(changes).to_have_count(2)
    for row, text in enumerate(("ops → none", "ops, stock → ops")):
        expect(changes.nth(row)).to_contain_text(text)


def test_a_new_keys_secret_is_shown_once_and_kept_nowhere(
    page: Page, open_staff: Callable[[], Locator]
) -> None:
    panel = open_staff()
    panel.get_by_role("button", name="Make a key").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill(HEBREW)
    dialog.get_by_label("admin").check()
    confirm(page, "Make", "another password")
    expect(dialog.get_by_role("alert")).to_contain_text("BAD_CREDENTIALS")
    assert keys_named(HEBREW) == []
    confirm(page, "Make")
    secret = page.get_by_label("Key", exact=True).inner_text()
    assert list_staff(headers=by_key(secret)).status == 200
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    row = panel.get_by_role("row").filter(has_text=HEBREW)
    expect(row).to_contain_text(f"…{secret[-4:]}")
    kept = page.content() + page.evaluate("JSON.stringify([sessionStorage, localStorage])")
    assert secret not in kept
    assert row.locator("bdi").evaluate("each => getComputedStyle(each).unicodeBidi") == "isolate"


def test_a_key_is_revoked_with_the_password_again(
    page: Page, open_staff: Callable[[], Locator]
) -> None:
    key = a_key_with("stock", name="Scanner")
    panel = open_staff()
    panel.get_by_role("button", name=f"Revoke the key Scanner, …{key['ends_with']}").click()
    confirm(page, "Revoke", "another password")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("BAD_CREDENTIALS")
    assert keys_named("Scanner") == [(["stock"], False)]
    confirm(page, "Revoke")
    expect(panel.get_by_role("row").filter(has_text="Scanner")).to_contain_text("revoked")
    assert keys_named("Scanner") == [(["stock"], True)]


def test_scopes_are_granted_with_the_keyboard_alone(
    page: Page, open_staff: Callable[[], Locator]
) -> None:
    member = an_account()
    open_staff()
    tab_to(page, "staff grant")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Login id")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator('[data-key="staff grant"]')).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.type(member.login_id)
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    for _ in Scope:
        page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#outcomes")).to_contain_text("has 1 scope: catalogue.")
    assert scopes_of(member) == ["catalogue"]


def test_the_panel_fits_wide_and_narrow_screens(
    page: Page, open_staff: Callable[[], Locator]
) -> None:
    for scope in Scope:
        a_key_with(scope, name=f"{HEBREW} " * 12)
    an_account(*Scope)
    panel = open_staff()
    for width in (1280, 360):
        page.set_viewport_size({"width": width, "height": 900})
        assert wider_than_its_window(page) == []
        panel.get_by_role("button", name="Make a key").click()
        assert wider_than_its_window(page) == []
        page.keyboard.press("Escape")


def test_text_that_would_reverse_what_follows_is_shown_by_its_name(
    page: Page, open_staff: Callable[[], Locator]
) -> None:
    a_key_with("stock", name="Scanner")
    rows("UPDATE api_key SET name = $1 WHERE name = 'Scanner' RETURNING id", "Scan\u202erenn")
    expect(open_staff().get_by_role("row").filter(has_text="Scan")).to_contain_text(
        "Scan\\u202erenn"
    )
