"""Every operation of staff, tried with every scope and by everybody who must not call it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

import pytest

from commerce.runtime import tokens
from commerce.shared import clock
from commerce.shared.scopes import Scope
from infra.openapi.scopes import staff_operations
from infra.template import ROOT, functions, read_template
from tests.support.lambda_calls import Answer, call
from tests.support.sessions import Account
from tests.support.shop import a_buyer, an_admin, rows, staff_with
from tests.support.staff import (
    a_key_with,
    by_key,
    end_sessions_of,
    revoke_key,
    revoke_scopes,
    signed_in,
    suspend,
)

pytestmark = pytest.mark.usefixtures("shop_environment", "cheap_hashes")


@dataclass(frozen=True, slots=True)
class Door:
    """One operation, with its function and a path to call it by."""

    function: str
    method: str
    resource: str
    path: str
    scope: Scope
    people_only: bool

    def knock(self, token: str | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Call it without what it needs besides a caller, so that nothing is changed."""
        return call(
            self.function, self.method, self.path, resource=self.resource, token=token,
            headers=headers,
        )  # fmt: skip


@cache
def doors() -> list[Door]:
    """Every operation that needs a scope."""
    operations = {(each.method.upper(), each.path): each for each in staff_operations()}
    found = []
    for function in functions(read_template()):
        for event in function.events.values():
            route = event["Properties"]
            if event["Type"] != "Api":
                continue
            method, resource = route["Method"].upper(), route["Path"]
            operation = operations.get((method, resource))
            sample = json.loads((ROOT / function.event_file).read_text(encoding="utf-8"))
            if operation is not None and operation.scope is not None:
                name = "/".join(function.source.with_suffix("").parts[1:])
                people_only = operation.rules.people_only
                found.append(
                    Door(name, method, resource, sample["path"], operation.scope, people_only)
                )
    return found


@dataclass(slots=True)
class Refusals:
    """Answers that are wrong, collected so that one test shows all."""

    wrong: list[str] = field(default_factory=list)

    def expect(self, door: Door, answer: Answer, status: int, code: str) -> None:
        """Note an answer that is not this refusal."""
        if (answer.status, answer.json.get("code")) != (status, code):
            self.wrong.append(f"{door.method} {door.resource}: {answer.status} {answer.json}")


def test_every_path_below_admin_needs_a_scope() -> None:
    routes = {
        (event["Properties"]["Method"].upper(), event["Properties"]["Path"])
        for function in functions(read_template())
        for event in function.events.values()
        if event["Type"] == "Api" and event["Properties"]["Path"].startswith("/admin")
    }
    assert routes == {(door.method, door.resource) for door in doors()}


@pytest.mark.parametrize("scope", list(Scope))
def test_a_scope_opens_its_operations_and_no_others(scope: Scope) -> None:
    staff, refusals = staff_with(scope), Refusals()
    for door in doors():
        answer = door.knock(staff.token)
        if scope in (door.scope, Scope.ADMIN):
            assert answer.status not in (401, 403), (door, answer.json)
        else:
            refusals.expect(door, answer, 403, "MISSING_SCOPE")
            assert answer.json.get("scope") == door.scope.value
    assert not refusals.wrong


def test_nothing_of_a_user_or_of_an_unknown_scope_opens_an_operation() -> None:
    refusals, unknown = Refusals(), tokens.sign(clock.new_id(), frozenset({"ADMIN", "admins", "*"}))
    for door in doors():
        for token in (a_buyer().token, unknown):
            refusals.expect(door, door.knock(token), 403, "MISSING_SCOPE")
    assert not refusals.wrong


def test_no_operation_opens_without_a_good_token() -> None:
    refusals = Refusals()
    for door in doors():
        refusals.expect(door, door.knock(), 401, "NOT_SIGNED_IN")
        refusals.expect(door, door.knock("a.b.c"), 401, "INVALID_TOKEN")
    assert not refusals.wrong


def test_in_production_an_operators_token_opens_one_operation(
    own_shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals, operator = Refusals(), an_admin().token
    monkeypatch.setenv("ENVIRONMENT", "production")
    for door in doors():
        if door.function == "user/set_scopes":
            assert door.knock(operator).status not in (401, 403)
        else:
            refusals.expect(door, door.knock(operator), 403, "BOOTSTRAP_ONLY")
    assert not refusals.wrong


def test_in_production_a_token_without_a_session_is_no_users(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = a_buyer().token
    assert call("order/list_orders", "GET", "/orders", token=token).status == 200
    monkeypatch.setenv("ENVIRONMENT", "production")
    answer = call("order/list_orders", "GET", "/orders", token=token)
    assert (answer.status, answer.json["code"]) == (401, "INVALID_TOKEN")


@pytest.mark.parametrize("scope", list(Scope))
def test_a_keys_scope_opens_its_operations_but_gives_no_rights(scope: Scope) -> None:
    made, refusals = a_key_with(scope), Refusals()
    for door in doors():
        _with_a_full_rate(made["api_key_id"])
        answer = door.knock(headers=by_key(made["key"]))
        if scope not in (door.scope, Scope.ADMIN):
            refusals.expect(door, answer, 403, "MISSING_SCOPE")
        elif door.people_only:
            refusals.expect(door, answer, 403, "PEOPLE_ONLY")
        else:
            assert answer.status not in (401, 403), (door, answer.json)
    assert not refusals.wrong


def test_a_revoked_key_opens_no_operation() -> None:
    made, refusals = a_key_with(Scope.ADMIN), Refusals()
    assert revoke_key(made["api_key_id"]).status == 204
    for door in doors():
        answer = door.knock(headers=by_key(made["key"]))
        refusals.expect(door, answer, 401, "INVALID_API_KEY")
    assert not refusals.wrong


def _with_a_full_rate(api_key_id: str) -> None:
    rows("UPDATE api_key SET next_request_at = now() WHERE id = $1 RETURNING id", api_key_id)


END: Mapping[str, Callable[[Account], object]] = {
    "revoked": lambda account: revoke_scopes(account.user_id),
    "suspended": lambda account: suspend(account.user_id),
    "signed out": lambda account: end_sessions_of(account.user_id),
}


@pytest.mark.parametrize("ended", list(END))
def test_an_admin_who_was_let_in_opens_no_operation_afterwards(ended: str) -> None:
    account, token = signed_in(Scope.ADMIN)
    refusals = Refusals()
    assert doors()[0].knock(token).status not in (401, 403)
    END[ended](account)
    for door in doors():
        refusals.expect(door, door.knock(token), 401, "SESSION_ENDED")
    assert not refusals.wrong
