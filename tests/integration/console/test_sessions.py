"""Sessions at the console: renewed in place, warned of before they end, over for every dialog."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from commerce.runtime import tokens
from commerce.shared import clock
from commerce.shared.scopes import Scope
from tests.integration.console.conftest import TOKEN
from tests.integration.console.test_staff import sign_in
from tests.support.books import check_books
from tests.support.dead_letters import DeadQueue, an_order_message
from tests.support.lambda_calls import call
from tests.support.other_connection import wait_until
from tests.support.sessions import PASSWORD, Account, an_account
from tests.support.shop import an_admin, rows

pytestmark = pytest.mark.usefixtures("cheap_hashes")

REFRESH = "lastunit-console-refresh"


@pytest.fixture
def short_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Access tokens last for some seconds; a third before their end they are renewed."""
    monkeypatch.setenv("TOKEN_LIFETIME_SECONDS", "15")


def a_signed_in_page(page: Page, site: str, account: Account) -> Page:
    check_books()
    sign_in(page, site, account)
    expect(page.get_by_role("heading", name="Dead letters")).to_be_visible()
    expect(page.locator("[aria-busy]")).to_have_count(0)
    return page


def stored(page: Page, key: str = TOKEN) -> str:
    found: str = page.evaluate(f"sessionStorage.getItem('{key}')")
    return found


def wait_for_renewal(page: Page, before: str) -> None:
    wait_until(lambda: stored(page) != before)


def sessions_of(account: Account) -> int:
    sql = "SELECT count(*) AS n FROM user_session WHERE user_id = $1"
    return int(rows(sql, account.user_id)[0].n)


@contextmanager
def a_duplicate(page: Page, context: BrowserContext) -> Iterator[Page]:
    """Open a tab that has this tab's session storage, as a duplicated one has."""
    with context.expect_page() as opened:
        page.evaluate("window.open(location.href, '_blank')")
    yield opened.value


@pytest.mark.usefixtures("short_tokens")
def test_a_session_is_renewed_in_place_and_keeps_what_is_typed(
    page: Page, site: str, dead: DeadQueue
) -> None:
    [id_] = dead.fill(an_order_message("o-1"))
    console = a_signed_in_page(page, site, an_account(Scope.OPS))
    console.get_by_role("button", name=dead.name, exact=True).click()
    console.get_by_role("button", name=f"Discard message {id_}").click()
    reason = console.get_by_role("dialog").get_by_label("Reason")
    reason.fill("typed before the renewal")
    for _ in range(2):  # the first token would have ended
        wait_for_renewal(console, stored(console))
    expect(reason).to_have_value("typed before the renewal")
    expect(reason).to_be_focused()
    expect(console.locator("#session-note")).to_have_count(0)
    console.get_by_role("dialog").get_by_label("Password").fill(PASSWORD)
    console.get_by_role("dialog").get_by_role("button", name="Discard").click()
    expect(console.locator("#outcomes")).to_contain_text("1 message discarded")


@pytest.mark.usefixtures("short_tokens")
def test_two_tabs_with_one_session_both_go_on(page: Page, site: str) -> None:
    account = an_account(Scope.OPS)
    console = a_signed_in_page(page, site, account)
    with a_duplicate(console, page.context) as other:
        expect(other.get_by_role("heading", name="Dead letters")).to_be_visible()
        for tab in (console, other, console, other):
            wait_for_renewal(tab, stored(tab))
        for tab in (console, other):
            tab.get_by_role("button", name="Refresh").click()
            expect(tab.get_by_role("heading", name="Dead letters")).to_be_visible()
            expect(tab.get_by_role("heading", name="Sign in")).to_have_count(0)
    assert sessions_of(account) == 1


def test_a_tab_that_missed_a_renewal_is_given_it_by_the_other(page: Page, site: str) -> None:
    account = an_account(Scope.OPS)
    console = a_signed_in_page(page, site, account)
    with a_duplicate(console, page.context) as other:
        expect(other.get_by_role("heading", name="Dead letters")).to_be_visible()
        old = [stored(other, each) for each in (TOKEN, REFRESH)]
        console.evaluate("import('./console/renewal.js').then((module) => module.renew())")
        wait_for_renewal(other, old[0])
        # As if it had slept: its refresh token was used long ago, which would end the session.
        rows("UPDATE user_session SET used_at = used_at - interval '1 minute' RETURNING id")
        other.evaluate(
            "([token, refresh]) => { const of = (name) => `lastunit-console-${name}`;"
            " sessionStorage.setItem(of('token'), token);"
            " sessionStorage.setItem(of('refresh'), refresh);"
            " sessionStorage.setItem(of('ends'), String(Date.now() + 1000)); }",
            old,
        )
        wait_for_renewal(other, old[0])
        assert stored(other) == stored(console)
    assert sessions_of(account) == 1


@pytest.mark.usefixtures("short_tokens")
def test_a_lost_answer_of_a_renewal_is_repeated(page: Page, site: str) -> None:
    account = an_account(Scope.OPS)
    console = a_signed_in_page(page, site, account)
    lost: list[str] = []

    def lose_the_first(route: Route) -> None:
        if lost:
            return route.continue_()
        lost.append(route.request.url)
        route.fetch()
        return route.abort()

    console.route("**/sessions/refresh", lose_the_first)
    wait_for_renewal(console, stored(console))
    assert (len(lost), sessions_of(account)) == (1, 1)
    expect(console.get_by_role("heading", name="Dead letters")).to_be_visible()


def test_an_act_whose_token_has_ended_is_done_with_a_renewed_one(
    page: Page, site: str, dead: DeadQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a laptop has slept."""
    dead.fill(an_order_message("o-1"))
    monkeypatch.setenv("TOKEN_LIFETIME_SECONDS", "8")
    page.add_init_script("Date.now = () => 0")  # so that no renewal is due
    check_books()
    sign_in(page, site, an_account(Scope.OPS))
    page.get_by_role("button", name=f"Redrive all of {dead.name}").click()
    monkeypatch.setenv("TOKEN_LIFETIME_SECONDS", "900")
    before = stored(page)
    page.wait_for_timeout(9_000)  # its end, which is before the next refresh
    assert stored(page) == before
    page.get_by_role("dialog").get_by_role("button", name="Redrive").click()
    expect(page.locator("#outcomes")).to_contain_text("1 message sent back")


def test_a_session_that_ended_leaves_no_dialog_above_the_sign_in(
    page: Page, site: str, dead: DeadQueue
) -> None:
    [id_] = dead.fill(an_order_message("o-1"))
    account = an_account(Scope.OPS)
    console = a_signed_in_page(page, site, account)
    console.get_by_role("button", name=dead.name, exact=True).click()
    console.get_by_role("button", name=f"Discard message {id_}").click()
    expect(console.get_by_role("dialog")).to_be_visible()
    rows("DELETE FROM user_session WHERE user_id = $1 RETURNING id", account.user_id)
    console.get_by_role("button", name="Refresh", include_hidden=True).evaluate("(b) => b.click()")
    expect(console.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(console.get_by_role("dialog")).to_have_count(0)
    expect(console.get_by_label("Login id")).to_be_focused()
    assert console.evaluate("sessionStorage.length") == 0


def test_signing_out_ends_the_session(page: Page, site: str) -> None:
    account = an_account(Scope.OPS)
    console = a_signed_in_page(page, site, account)
    with console.expect_response("**/sessions/current"):
        console.get_by_role("button", name="Sign out").click()
    assert sessions_of(account) == 0
    assert console.evaluate("sessionStorage.length") == 0


@pytest.fixture
def open_with_operators_token(
    page: Page, site: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int], Page]:
    """Open the console with a token that is not renewed, for so many seconds."""

    def opened(seconds: int) -> Page:
        check_books()
        with monkeypatch.context() as short:
            short.setenv("TOKEN_LIFETIME_SECONDS", str(seconds))
            token = tokens.sign(clock.new_id(), frozenset({Scope.ADMIN}))
        page.goto(f"{site}/console")
        page.get_by_text("Use a token instead").click()
        page.get_by_label("Access token").fill(token)
        page.get_by_role("button", name="Use token").click()
        expect(page.get_by_role("heading", name="Dead letters")).to_be_visible()
        return page

    return opened


def test_an_operators_token_is_warned_of_before_its_end(
    dead: DeadQueue, open_with_operators_token: Callable[[int], Page]
) -> None:
    [id_] = dead.fill(an_order_message("o-1"))
    console = open_with_operators_token(60)
    console.get_by_role("button", name=dead.name, exact=True).click()
    console.get_by_role("button", name=f"Discard message {id_}").click()
    dialog = console.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("typed before the warning")
    note = dialog.locator("#session-note")
    expect(note).to_contain_text("Your session ends in less than a minute")
    assert console.evaluate("document.activeElement.id") == "field"
    note.get_by_role("button", name="Sign in again").click()
    again = console.get_by_role("dialog", name="Sign in again")
    account = an_account(Scope.OPS)
    again.get_by_label("Login id").fill(account.login_id)
    again.get_by_label("Password").fill(PASSWORD)
    again.get_by_role("button", name="Sign in", exact=True).click()
    expect(again).to_have_count(0)
    expect(console.locator("#session-note")).to_have_count(0)
    expect(dialog.get_by_label("Reason")).to_have_value("typed before the warning")


def test_an_operators_token_that_ended_leads_to_the_sign_in(
    open_with_operators_token: Callable[[int], Page],
) -> None:
    console = open_with_operators_token(12)
    expect(console.locator("#session-note")).to_contain_text("it cannot be renewed")
    expect(console.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(console.get_by_text("Your session has ended.")).to_be_visible()


def test_renewed_scopes_show_other_panels(page: Page, site: str) -> None:
    account = an_account(Scope.DROPS)
    check_books()
    sign_in(page, site, account)
    expect(page.get_by_role("heading", name="Drops")).to_be_visible()
    path, body = f"/admin/staff/{account.user_id}", {"scopes": ["drops", "ops"]}
    granted = call("user/set_scopes", "PUT", path, body=body, token=an_admin().token)
    assert granted.status == 200, granted.json
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_role("heading", name="Dead letters")).to_be_visible()
