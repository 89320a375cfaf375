"""The sentences about refused fields."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

import commerce.app.checkout
import commerce.app.operations
import commerce.app.ranking_jobs
import commerce.app.shop  # noqa: F401  (together they import every command)
from commerce.app.operations.commands import Redrive
from commerce.entrypoints.http.field_errors import field_error
from commerce.product import ListProducts
from commerce.shared.schemas import Command
from commerce.user import SignUp

SENTENCE = re.compile(r"[A-Z×a-z][^\[\]\\^{}]{5,110}\.")
WRONG: list[Any] = [
    None, True, 0, -1, 1.5, 10**12, 10**30, float("nan"), "", " ", "x", "x" * 9000, "a\0b",
    "\ud800", "\u202e", "2026-13-45", "2099-01-01", [], [1], ["x"] * 101, {}, {"unknown": 1},
]  # fmt: skip


def every_command(above: type[Command] = Command) -> Iterator[type[Command]]:
    for each in above.__subclasses__():
        if each.__module__.startswith("commerce."):
            yield each
            yield from every_command(each)


def bodies_of_requests() -> list[type[Command]]:
    """Every command except those that no caller of the API sends as they are."""
    inside = ("commerce.ranking.periods.commands",)
    every = (each for each in every_command() if each.__module__ not in inside)
    return [each for each in every if each is not ListProducts]


def refusals(command: type[BaseModel], body: Any) -> list[dict[str, str]]:
    try:
        command.model_validate(body)
    except ValidationError as error:
        return [field_error({**each, "loc": ("body", *each["loc"])}) for each in error.errors()]
    return []


@pytest.mark.parametrize("command", bodies_of_requests(), ids=lambda each: each.__name__)
def test_every_refused_field_is_answered_with_one_plain_sentence(command: type[Command]) -> None:
    names = [each.alias or name for name, each in command.model_fields.items()]
    bodies = [{}, [], "x", {"unknown": 1}, *({name: wrong} for name in names for wrong in WRONG)]

    found = [each for body in bodies for each in refusals(command, body)]

    assert found
    assert [each for each in found if not SENTENCE.fullmatch(each["message"])] == []
    assert [each for each in found if "[" in each["field"]] == []
    assert {each["message"] for each in found}.isdisjoint({"This value is not accepted here."})


def test_a_wrong_email_is_answered_with_an_example() -> None:
    [message] = [each["message"] for each in refusals(SignUp, {"email": "kim"}) if
                 each["field"] == "email"]  # fmt: skip

    assert message == "Must be an email address, such as name@example.com."


def test_a_short_password_is_counted_in_characters() -> None:
    [message] = [each["message"] for each in refusals(SignUp, {"password": "short"}) if
                 each["field"] == "password"]  # fmt: skip

    assert message == "Must have at least 10 characters."


def test_a_field_with_alternatives_is_named_as_callers_know_it() -> None:
    assert {each["field"] for each in refusals(Redrive, {"message_ids": 1})} == {"message_ids"}


def test_an_unknown_field_is_named_as_it_was_sent() -> None:
    [unknown] = refusals(Redrive, {"message_ids": "all", "a[0]": 1})

    assert unknown == {
        "field": "a[0]",
        "message": "There is no field of this name.",
        "code": "extra_forbidden",
    }
