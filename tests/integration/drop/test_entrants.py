"""Entrants of a drop: admitted or refused, through the function's handler."""

import sys
from types import ModuleType
from uuid import UUID

import pytest

from commerce.runtime import tokens
from tests.harness.crash.shoppers import sign_up
from tests.support.drops import a_published_drop, begin_entries, entries
from tests.support.lambda_calls import Answer, call
from tests.support.shop import Person, a_key, a_product

pytestmark = pytest.mark.usefixtures("shop_environment")


def a_user() -> Person:
    answer = sign_up(a_key()[:10])
    assert answer.status == 201, answer.json
    return Person(answer.json["user_id"], tokens.sign(answer.json["user_id"]))


def enter(drop_id: UUID, user: Person) -> Answer:
    return call("drop/enter_drop", "POST", f"/drops/{drop_id}/entries", token=user.token, body={})


def test_the_identity_hook_admits_a_person_once_and_no_stranger(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second, stranger = a_user(), a_user(), a_user()
    drop_id = a_published_drop(a_product(stock=1), verified_only=False)
    begin_entries(drop_id)
    passports = {str(first.user_id): "7", str(second.user_id): "7"}
    module = ModuleType("a_shops_identities")
    module.identity = lambda user_id, _: passports.get(str(user_id))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setenv("IDENTITY_HOOK", "a_shops_identities:identity")

    answers = [enter(drop_id, user) for user in (first, second, stranger, first)]

    assert [answer.status for answer in answers] == [201, 409, 409, 200]
    codes = [answer.json["code"] for answer in answers[1:3]]
    assert codes == ["PERSON_ALREADY_ENTERED", "NOT_ELIGIBLE"]
    assert [str(row.user_id) for row in entries(drop_id)] == [str(first.user_id)]
