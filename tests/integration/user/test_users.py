"""Users from the handlers to PostgreSQL and back."""

import secrets
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from commerce.runtime import tokens
from commerce.user import passwords
from tests.support.lambda_calls import Answer, call
from tests.support.shop import a_buyer, an_address, rows
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment", "cheap_hashes")

PASSWORD = "roadrunner on the run"


def a_login_id() -> str:
    return "U" + secrets.token_hex(4)


def sign_up(login_id: str, **changes: Any) -> Answer:
    body = {
        "login_id": login_id,
        "password": PASSWORD,
        "name": "Wile E. Coyote",
        "email": f"{login_id}@example.com",
        "birth_date": "1949-09-17",
        "gender": "OTHER",
    }
    return call("user/sign_up", "POST", "/users", body=body | changes, source_ip=an_address())


def log_in(login_id: str, password: str = PASSWORD) -> Answer:
    body = {"login_id": login_id, "password": password}
    return call("user/open_session", "POST", "/sessions", body=body)


def me(token: str) -> Answer:
    return call("user/get_me", "GET", "/users/me", token=token)


def refused(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


def test_a_signed_up_user_can_sign_in_and_read_their_profile() -> None:
    login_id = a_login_id()
    user = sign_up(login_id)
    assert user.status == 201
    assert user.json == {
        "user_id": user.json["user_id"],
        "login_id": login_id,
        "name": "Wile E. Coyote",
        "email": f"{login_id}@example.com",
        "birth_date": "1949-09-17",
        "gender": "OTHER",
        "language": "en",
        "email_verified": False,
    }
    session = log_in(login_id.lower())
    assert session.status == 201
    assert (session.json["token_type"], session.json["expires_in"]) == ("Bearer", 900)
    found = me(session.json["access_token"])
    assert (found.status, found.json) == (200, user.json)


def test_a_sign_up_records_an_event_and_stores_no_password() -> None:
    user_id = sign_up(a_login_id()).json["user_id"]
    kept = rows("SELECT password_hash, scopes, version FROM user_account WHERE id = $1", user_id)[0]
    assert passwords.is_right(PASSWORD, kept.password_hash)
    assert (list(kept.scopes), kept.version) == ([], 1)
    events = rows(
        "SELECT type, aggregate_version, data FROM outbox WHERE aggregate_id = $1", user_id
    )
    assert [tuple(event) for event in events] == [("UserSignedUp", 1, {"user_id": user_id})]


def test_an_admin_is_a_user_with_that_scope() -> None:
    login_id = a_login_id()
    user_id = sign_up(login_id).json["user_id"]
    rows("UPDATE user_account SET scopes = '{admin}' WHERE id = $1 RETURNING id", user_id)
    identity = tokens.verify(log_in(login_id).json["access_token"])
    assert (identity.user_id, identity.scopes) == (UUID(user_id), frozenset({"admin"}))


def test_a_login_id_is_unique_in_any_case() -> None:
    login_id = a_login_id()
    assert sign_up(login_id).status == 201
    assert refused(sign_up(login_id.upper())) == (409, "LOGIN_ID_TAKEN")
    assert refused(sign_up(login_id)) == (409, "LOGIN_ID_TAKEN")


def test_one_of_many_sign_ups_gets_the_login_id() -> None:
    login_id = a_login_id()
    wanted = [login_id.upper() if number % 2 else login_id.lower() for number in range(8)]
    answers = run_concurrently([partial(sign_up, each) for each in wanted])
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7
    kept = rows("SELECT id FROM user_account WHERE lower(login_id) = $1", login_id.lower())
    [winner] = [answer.json["user_id"] for answer in answers if answer.status == 201]
    assert [str(row.id) for row in kept] == [winner]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "nul\x00"),
        ("name", "\ud800"),
        ("email", "a\x00@b.co"),
        ("birth_date", "1949-02-30"),
    ],
)
def test_a_value_that_the_database_cannot_store_is_an_invalid_field(field: str, value: str) -> None:
    answer = sign_up(a_login_id(), **{field: value})
    assert refused(answer) == (422, "VALIDATION_FAILED")
    assert [error["field"] for error in answer.json["errors"]] == [field]


def test_a_refused_password_is_not_shown() -> None:
    answer = sign_up(a_login_id(), password="tooshort!")
    assert refused(answer) == (422, "VALIDATION_FAILED")
    assert "tooshort!" not in str(answer.json)


@pytest.mark.parametrize("password", ["1234567890", "\u200b" * 10, "coyote wile"])
def test_a_weak_password_opens_no_account(password: str) -> None:
    login_id = a_login_id()
    answer = sign_up(login_id, password=password)
    assert refused(answer) == (422, "WEAK_PASSWORD")
    assert password not in str(answer.json)
    assert rows("SELECT id FROM user_account WHERE login_id = $1", login_id) == []


def test_a_token_of_an_unknown_user_is_not_found() -> None:
    assert refused(me(a_buyer().token)) == (404, "USER_NOT_FOUND")


def test_reading_a_profile_needs_a_token() -> None:
    answer = call("user/get_me", "GET", "/users/me")
    assert refused(answer) == (401, "NOT_SIGNED_IN")
