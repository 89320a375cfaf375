"""The validation of the user context's commands."""

from datetime import date, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from commerce.shared import clock
from commerce.user import SignUp
from commerce.user.sessions import OpenSession

GOOD: dict[str, Any] = {
    "login_id": "Coyote1",
    "password": "roadrunner!",
    "name": "Wile E. Coyote",
    "email": "wile@example.com",
    "birth_date": "1949-09-17",
    "gender": "MALE",
}


def wrong_fields(command: type[SignUp | OpenSession], body: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as refused:
        command.model_validate(body)
    return [str(error["loc"][0]) for error in refused.value.errors()]


def test_a_valid_sign_up_is_accepted() -> None:
    command = SignUp.model_validate(GOOD)
    assert command.birth_date == date(1949, 9, 17)
    assert command.password.get_secret_value() == "roadrunner!"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("login_id", "a"),
        ("login_id", "0123456789"),
        ("password", "x" * 10),
        ("password", "ä" * 128),
        ("name", "n" * 100),
        ("name", "조승빈"),
        ("email", "a@b.co"),
        ("email", "first.last+tag@sub.example.co.kr"),
        ("email", "e" * 64 + "@" + "d" * 185 + ".com"),
        ("birth_date", "2000-02-29"),
        ("birth_date", "1900-01-01"),
        ("gender", "FEMALE"),
        ("gender", "OTHER"),
    ],
)
def test_values_at_the_limits_are_accepted(field: str, value: str) -> None:
    SignUp.model_validate(GOOD | {field: value})


def test_a_user_born_today_may_sign_up() -> None:
    today = clock.now().date()
    assert SignUp.model_validate(GOOD | {"birth_date": today.isoformat()}).birth_date == today


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("login_id", ""),
        ("login_id", "01234567890"),
        ("login_id", "wile e"),
        ("login_id", "wile-e"),
        ("login_id", "coyote\n"),
        ("login_id", "코요테"),
        ("login_id", "①②③"),
        ("login_id", 12345),
        ("password", "x" * 9),
        ("password", "x" * 129),
        ("password", "e\u0301" * 5),
        ("password", "e\u0301" * 129),
        ("password", 1234567890),
        ("password", None),
        ("name", ""),
        ("name", "   "),
        ("name", "n" * 101),
        ("name", "two\nlines"),
        ("name", "\u200b"),
        ("name", "\u3164"),
        ("name", "nul\x00"),
        ("name", "\ud800"),
        ("email", "wile"),
        ("email", "wile@example"),
        ("email", "@example.com"),
        ("email", "wile@"),
        ("email", "wile@.com"),
        ("email", "wile@example."),
        ("email", "wile@example..com"),
        ("email", "a@b@example.com"),
        ("email", "wi le@example.com"),
        ("email", "wile@example.com\n"),
        ("email", "wile\x00@example.com"),
        ("email", "e" * 64 + "@" + "d" * 186 + ".com"),
        ("birth_date", "0001-01-01"),
        ("birth_date", "1899-12-31"),
        ("birth_date", "1949-02-29"),
        ("birth_date", "1949-9-17"),
        ("birth_date", "19490917"),
        ("birth_date", "1949-W37-6"),
        ("birth_date", "17.09.1949"),
        ("birth_date", "1949-09-17T00:00:00"),
        ("birth_date", ""),
        ("birth_date", 19490917),
        ("birth_date", None),
        ("birth_date", (clock.now().date() + timedelta(days=2)).isoformat()),
        ("gender", "male"),
        ("gender", ""),
        ("gender", None),
        ("is_admin", True),
        ("scopes", ["admin"]),
    ],
)
def test_a_bad_field_is_named(field: str, value: object) -> None:
    assert wrong_fields(SignUp, GOOD | {field: value}) == [field]


@pytest.mark.parametrize("field", sorted(GOOD))
def test_every_field_is_needed(field: str) -> None:
    assert wrong_fields(SignUp, {k: v for k, v in GOOD.items() if k != field}) == [field]


def test_all_bad_fields_are_named_at_once() -> None:
    assert wrong_fields(SignUp, GOOD | {"login_id": "", "gender": "?"}) == ["login_id", "gender"]


@pytest.mark.parametrize("command", [SignUp, OpenSession])
def test_a_password_is_never_shown(command: type[SignUp | OpenSession]) -> None:
    body = {name: GOOD[name] for name in command.model_fields if name in GOOD}
    shown = command.model_validate(body)
    assert "roadrunner!" not in f"{shown!r} {shown} {shown.model_dump()} {shown.model_dump_json()}"
    with pytest.raises(ValidationError) as refused:
        command.model_validate(body | {"password": "roadrunner!" * 20})
    assert "roadrunner!" not in f"{refused.value} {refused.value!r}"


@pytest.mark.parametrize("login_id", ["nobody", "no such login id", "x" * 100, "누구"])
def test_an_impossible_login_id_may_be_tried_at_sign_in(login_id: str) -> None:
    OpenSession.model_validate({"login_id": login_id, "password": "x"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("login_id", ""),
        ("login_id", "x" * 101),
        ("login_id", "nul\x00"),
        ("login_id", None),
        ("password", ""),
        ("password", "x" * 129),
        ("password", None),
        ("remember_me", True),
    ],
)
def test_a_bad_login_names_its_field(field: str, value: object) -> None:
    assert wrong_fields(OpenSession, {"login_id": "a", "password": "b", field: value}) == [field]


def test_a_password_is_counted_in_nfc() -> None:
    for characters in (10, 128):
        command = SignUp.model_validate(GOOD | {"password": "e\u0301" * characters})
        assert len(command.password.get_secret_value()) == characters
