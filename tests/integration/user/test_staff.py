"""Scopes are granted and revoked, users are found and suspended."""

from urllib.parse import quote

import pytest

from commerce.runtime import tokens
from commerce.shared import clock
from commerce.shared.scopes import Scope
from tests.support.admin import audit_of
from tests.support.lambda_calls import Answer, call
from tests.support.sessions import end_sessions, me, refresh
from tests.support.shop import rows, staff_with
from tests.support.staff import (
    end_sessions_of,
    find_users,
    get_user,
    lift_suspension,
    list_staff,
    revoke_scopes,
    set_scopes,
    signed_in,
    suspend,
    unknown_id,
)

pytestmark = pytest.mark.usefixtures("shop_environment", "cheap_hashes")

ENDED = (401, "SESSION_ENDED")


def refused(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


def scopes_of(user_id: object) -> list[str]:
    [row] = rows("SELECT scopes FROM user_account WHERE id = $1", user_id)
    return list(row.scopes)


def stock_of_nothing(token: str) -> Answer:
    path = f"/admin/products/{unknown_id()}/stock"
    return call("product/get_stock", "GET", path, token=token)


def test_a_granted_scope_comes_with_the_next_access_token() -> None:
    admin, token = signed_in(Scope.ADMIN)
    account, _ = signed_in()
    opened = account.tokens()
    answer = set_scopes(account.user_id, "stock", "orders:read", token=token)
    assert answer.status == 200
    assert answer.json == {
        "user_id": str(account.user_id),
        "login_id": account.login_id,
        "scopes": ["stock", "orders:read"],
        "suspended_at": None,
    }
    assert refused(me(opened["access_token"])) == (401, "TOKEN_EXPIRED")
    fresh = refresh(opened["refresh_token"]).json["access_token"]
    assert tokens.verify(fresh).scopes == {"stock", "orders:read"}
    assert refused(stock_of_nothing(fresh)) == (404, "PRODUCT_NOT_FOUND")
    [change] = audit_of(str(account.user_id))
    assert change == (
        f"admin:{admin.user_id}", "change scopes", {"scopes": []},
        {"scopes": ["orders:read", "stock"]},
    )  # fmt: skip


def test_a_revoked_scope_ends_all_sessions_at_once() -> None:
    account, token = signed_in(Scope.STOCK, Scope.COUPONS)
    opened = account.tokens()
    assert set_scopes(account.user_id, "stock").status == 200
    assert refused(stock_of_nothing(token)) == ENDED
    assert refused(refresh(opened["refresh_token"])) == ENDED
    assert tokens.verify(account.tokens()["access_token"]).scopes == {"stock"}


def test_the_same_scopes_again_change_nothing() -> None:
    account, token = signed_in(Scope.STOCK)
    assert set_scopes(account.user_id, "stock", "stock").status == 200
    assert refused(stock_of_nothing(token)) == (404, "PRODUCT_NOT_FOUND")
    assert audit_of(str(account.user_id)) == []


def test_deleting_staff_revokes_every_scope_and_may_be_repeated() -> None:
    account, token = signed_in(Scope.STOCK, Scope.ADMIN)
    for _ in range(2):
        assert revoke_scopes(account.user_id).status == 204
    assert scopes_of(account.user_id) == []
    assert refused(stock_of_nothing(token)) == ENDED
    assert len(audit_of(str(account.user_id))) == 1


@pytest.mark.parametrize("scopes", [[], ["everything"], ["ADMIN"], ["stock"] * 11])
def test_scopes_that_do_not_exist_are_refused(scopes: list[str]) -> None:
    account, _ = signed_in()
    assert refused(set_scopes(account.user_id, *scopes)) == (422, "VALIDATION_FAILED")
    assert scopes_of(account.user_id) == []


@pytest.mark.parametrize("id_", ["nonsense", "0198c0de-0000-7000-8000-000000000000"])
def test_an_unknown_user_is_not_found(id_: str) -> None:
    for answer in (
        set_scopes(id_, "stock"), revoke_scopes(id_), get_user(id_), suspend(id_),
        lift_suspension(id_), end_sessions_of(id_),
    ):  # fmt: skip
        assert refused(answer) == (404, "USER_NOT_FOUND")


@pytest.mark.parametrize("scope", [each for each in Scope if each is not Scope.ADMIN])
def test_staff_without_admin_grant_nothing(scope: Scope) -> None:
    account, token = signed_in(scope)
    for answer in (
        set_scopes(account.user_id, "admin", token=token),
        revoke_scopes(account.user_id, token=token),
        suspend(account.user_id, token=token),
        end_sessions_of(account.user_id, token=token),
    ):
        assert refused(answer) == (403, "MISSING_SCOPE")
    assert scopes_of(account.user_id) == [scope.value]


def test_the_last_admin_keeps_the_scope(own_shop: str) -> None:
    account, token = signed_in(Scope.ADMIN)
    suspended, _ = signed_in(Scope.ADMIN)
    assert suspend(suspended.user_id, token=token).status == 200
    assert refused(revoke_scopes(account.user_id, token=token)) == (409, "LAST_ADMIN")
    assert refused(set_scopes(account.user_id, "stock", token=token)) == (409, "LAST_ADMIN")
    assert scopes_of(account.user_id) == ["admin"]
    assert set_scopes(account.user_id, "admin", "stock", token=token).status == 200


def test_an_admin_who_is_not_the_last_may_step_down() -> None:
    signed_in(Scope.ADMIN)
    account, token = signed_in(Scope.ADMIN)
    assert revoke_scopes(account.user_id, token=token).status == 204
    assert scopes_of(account.user_id) == []


def test_the_list_of_staff_has_those_with_scopes_newest_first(own_shop: str) -> None:
    first, _ = signed_in(Scope.STOCK)
    signed_in()
    second, _ = signed_in(Scope.ADMIN, Scope.OPS)
    page = list_staff("?limit=1").json
    assert [each["login_id"] for each in page["items"]] == [second.login_id]
    assert page["items"][0]["scopes"] == ["ops", "admin"]
    rest = list_staff(f"?cursor={page['next_cursor']}").json
    assert [each["login_id"] for each in rest["items"]] == [first.login_id]
    assert rest["next_cursor"] is None


def test_staff_are_listed_with_their_last_sign_in_while_a_session_lasts() -> None:
    account, token = signed_in(Scope.STOCK)
    account.tokens()
    sql = "SELECT max(created_at) AS at FROM user_session WHERE user_id = $1"
    [newest] = rows(sql, account.user_id)

    def last_sign_in() -> str | None:
        [member] = (m for m in list_staff().json["items"] if m["login_id"] == account.login_id)
        found: str | None = member["last_signed_in_at"]
        return found

    assert last_sign_in() == clock.rfc3339(newest.at)
    assert end_sessions(token).status == 204
    assert last_sign_in() is None


def test_a_user_is_found_by_login_id_and_by_email_exactly() -> None:
    account, _ = signed_in()
    reader = staff_with(Scope.USERS_READ)
    seen = get_user(account.user_id, token=reader.token).json
    assert {**seen, "created_at": ""} == {
        "user_id": str(account.user_id), "login_id": account.login_id,
        "name": "Wile E. Coyote", "email": f"{account.login_id}@example.com",
        "email_verified": False, "birth_date": "1949-09-17", "gender": "OTHER",
        "language": "en", "created_at": "", "scopes": [], "suspended_at": None,
        "suspension_reason": None, "mail_suppressed_at": None, "mail_suppression": None,
    }  # fmt: skip
    login, email = account.login_id.upper(), quote(f"{account.login_id}@EXAMPLE.com")
    for query in (f"?login_id={login}", f"?email={email}", f"?login_id={login}&email={email}"):
        found = find_users(query, token=reader.token)
        assert found.json == {"items": [seen], "next_cursor": None}
    for query in (f"?login_id={login[:-1]}", f"?email=x{email}", f"?login_id={login}&email=a@b.c"):
        assert find_users(query, token=reader.token).json["items"] == []


def test_a_search_without_login_id_and_email_is_refused() -> None:
    assert refused(find_users("")) == (422, "VALIDATION_FAILED")


def test_a_suspended_users_sessions_end_and_none_opens() -> None:
    account, token = signed_in(Scope.STOCK)
    opened = account.tokens()
    answer = suspend(account.user_id)
    assert answer.status == 200
    assert answer.json["suspended_at"] is not None
    assert refused(me(token)) == ENDED
    assert refused(stock_of_nothing(token)) == ENDED
    assert refused(refresh(opened["refresh_token"])) == ENDED
    assert refused(account.sign_in()) == (403, "ACCOUNT_SUSPENDED")
    assert get_user(account.user_id).json["suspension_reason"] == "Uses stolen cards"


def test_only_who_knows_the_password_learns_of_a_suspension() -> None:
    account, _ = signed_in()
    suspend(account.user_id)
    assert refused(account.sign_in("another password")) == (401, "BAD_CREDENTIALS")


def test_a_suspension_is_kept_as_it_was_and_can_be_lifted() -> None:
    account, _ = signed_in(Scope.STOCK)
    first = suspend(account.user_id).json
    assert suspend(account.user_id, "Another reason").json == first
    for _ in range(2):
        assert lift_suspension(account.user_id).status == 204
    assert tokens.verify(account.tokens()["access_token"]).scopes == {"stock"}
    actions = [each[1] for each in audit_of(str(account.user_id))]
    assert actions == ["suspend user", "lift suspension"]


def test_an_admin_cannot_suspend_their_own_account() -> None:
    account, token = signed_in(Scope.ADMIN)
    assert refused(suspend(account.user_id, token=token)) == (409, "OWN_ACCOUNT")
    assert me(token).status == 200


def test_an_admin_ends_all_sessions_of_a_user() -> None:
    account, token = signed_in()
    assert end_sessions_of(account.user_id).status == 204
    assert refused(me(token)) == ENDED
    assert me(account.tokens()["access_token"]).status == 200
