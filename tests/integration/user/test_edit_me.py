"""Editing one's own data: PATCH /users/me."""

from collections import Counter
from functools import partial
from typing import Any

import pytest

from tests.support.lambda_calls import Answer, call
from tests.support.sessions import PASSWORD, Account, an_account, edit_me, end_session, me
from tests.support.shop import a_buyer, rows
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment", "cheap_hashes")


@pytest.fixture
def account() -> Account:
    return an_account()


@pytest.fixture
def token(account: Account) -> str:
    return str(account.tokens()["access_token"])


def kept(account: Account) -> tuple[str, str, int]:
    [row] = rows("SELECT name, email, version FROM user_account WHERE id = $1", account.user_id)
    return row.name, row.email, row.version


def refused(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


def test_a_user_edits_name_and_address_and_nothing_else(account: Account, token: str) -> None:
    before = me(token).json
    new = {"name": "Wile E. Coyote Jr.", "email": f"{account.login_id}@example.org"}
    edited = edit_me(token, **new)
    assert (edited.status, edited.json) == (200, before | new)
    assert me(token).json == edited.json
    assert me(token).headers["etag"] == edited.headers["etag"]


def test_an_address_is_changed_with_the_right_password_only(account: Account, token: str) -> None:
    before = kept(account)
    new = f"{account.login_id}@example.org"
    wrong = edit_me(token, name="Wile", email=new, password="not the one")
    assert refused(wrong) == (401, "BAD_CREDENTIALS")
    body = {"name": "Wile", "email": new}
    missing = call("user/edit_me", "PATCH", "/users/me", token=token, body=body)
    assert refused(missing) == (422, "VALIDATION_FAILED")
    assert [error["field"] for error in missing.json["errors"]] == ["email"]
    assert kept(account) == before
    assert edit_me(token, email=new).status == 200


def test_guesses_of_the_password_at_an_edit_are_counted_and_slowed(
    account: Account, token: str
) -> None:
    before = kept(account)
    guesses = [f"guess number {number}" for number in range(20)]
    answers = run_concurrently(
        [partial(edit_me, token, email="thief@example.org", password=each) for each in guesses]
    )
    outcomes = Counter(each.status for each in answers)
    assert (set(outcomes), outcomes[401]) == ({401, 429}, 5)
    slowed = edit_me(token, email="thief@example.org", password=PASSWORD)
    assert refused(slowed) == (429, "TOO_MANY_ATTEMPTS")
    assert "retry-after" in slowed.headers
    assert kept(account) == before


def test_an_absent_field_stays_as_it_is(account: Account, token: str) -> None:
    name, email, version = kept(account)
    assert edit_me(token, name="Wile").json["email"] == email
    assert kept(account) == ("Wile", email, version + 1)
    assert edit_me(token, email="wile@example.org").json["name"] == "Wile"
    assert kept(account) == ("Wile", "wile@example.org", version + 2)
    assert name != "Wile"


def test_an_edit_that_changes_nothing_makes_no_version(account: Account, token: str) -> None:
    before, tag = kept(account), me(token).headers["etag"]
    for body in ({}, {"name": before[0]}, {"name": before[0], "email": before[1]}):
        answer = edit_me(token, **body)
        assert (answer.status, answer.headers["etag"]) == (200, tag)
    assert kept(account) == before


def test_a_name_is_kept_in_nfc(account: Account, token: str) -> None:
    assert edit_me(token, name="Rene\u0301").json["name"] == "Ren\u00e9"
    assert kept(account)[0] == "Ren\u00e9"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""), ("name", "\u200b"), ("name", "n" * 101), ("name", None), ("name", 1),
        ("email", "wile"), ("email", ""), ("email", None), ("language", "de"), ("language", None),
        ("password", ""), ("password", None), ("password", 1),
        ("login_id", "other"), ("birth_date", "1949-09-17"), ("gender", "MALE"),
        ("scopes", ["admin"]), ("version", 1), ("email_verified", True),
    ],
)  # fmt: skip
def test_a_bad_or_unknown_field_is_named_and_changes_nothing(
    account: Account, token: str, field: str, value: Any
) -> None:
    before = kept(account)
    answer = edit_me(token, **{"name": "Wile", field: value})
    assert refused(answer) == (422, "VALIDATION_FAILED")
    assert [error["field"] for error in answer.json["errors"]] == [field]
    assert kept(account) == before


def test_an_edit_of_an_older_version_is_refused(account: Account, token: str) -> None:
    tag = me(token).headers["etag"]
    assert edit_me(token, tag, name="Wile").status == 200
    before = kept(account)
    assert refused(edit_me(token, tag, name="Roadrunner")) == (409, "STALE_VERSION")
    assert kept(account) == before
    assert edit_me(token, me(token).headers["etag"], name="Roadrunner").status == 200


def test_of_many_edits_of_one_version_one_is_made(account: Account, token: str) -> None:
    tag = me(token).headers["etag"]
    answers = run_concurrently([partial(edit_me, token, tag, name=f"Wile {n}") for n in range(8)])
    assert sorted(each.status for each in answers) == [200] + [409] * 7
    [winner] = [each.json["name"] for each in answers if each.status == 200]
    assert (kept(account)[0], kept(account)[2]) == (winner, 2)


def test_an_ended_session_edits_nothing(account: Account, token: str) -> None:
    before = kept(account)
    assert end_session(token, "current").status == 204
    assert refused(edit_me(token, name="Wile")) == (401, "SESSION_ENDED")
    assert kept(account) == before


def test_an_edit_by_an_unknown_user_is_not_found() -> None:
    assert refused(edit_me(a_buyer().token, name="Wile")) == (404, "USER_NOT_FOUND")
