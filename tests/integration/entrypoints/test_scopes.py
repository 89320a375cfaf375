"""Every operation of staff, tried with every scope and by everybody who must not call it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import pytest

from commerce.app.transactions import in_transaction
from commerce.runtime import tokens
from commerce.shared import clock
from commerce.shared.scopes import Scope
from commerce.user.staff import StaffFacade
from infra.openapi.scopes import staff_operations
from infra.template import ROOT, functions, read_template
from tests.support.lambda_calls import Answer, call
from tests.support.sessions import Account, an_account
from tests.support.shop import a_buyer, staff_with

pytestmark = pytest.mark.usefixtures("shop_environment", "cheap_hashes")


@dataclass(frozen=True, slots=True)
class Door:
    """One operation, with its function and a path to call it by."""

    function: str
    method: str
    resource: str
    path: str
    scope: Scope

    def knock(self, token: str | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Call it without what it needs besides a caller, so that nothing is changed."""
        return call(
            self.function, self.method, self.path, resource=self.resource, token=token,
            headers=headers,
        )  # fmt: skip


@cache
def doors() -> list[Door]:
    """Every operation that needs a scope."""
    scopes = {(each.method.upper(), each.path): each.scope for each in staff_operations()}
    found = []
    for function in functions(read_template()):
        for event in function.events.values():
            route = event["Properties"]
            if event["Type"] != "Api":
                continue
            method, resource = route["Method"].upper(), route["Path"]
            scope = scopes.get((method, resource))
            sample = json.loads((ROOT / function.event_file).read_text(encoding="utf-8"))
            if scope is not None:
                name = "/".join(function.source.with_suffix("").parts[1:])
                found.append(Door(name, method, resource, sample["path"], scope))
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


def _revoked(account: Account) -> None:
    in_transaction(StaffFacade.revoke_by_login, account.login_id, (), by="operator")


def test_a_revoked_admin_opens_no_operation_with_the_token_of_before() -> None:
    account = an_account(Scope.ADMIN)
    token = account.tokens()["access_token"]
    assert all(door.knock(token).status not in (401, 403) for door in doors())
    _revoked(account)
    refusals = Refusals()
    for door in doors():
        refusals.expect(door, door.knock(token), 401, "SESSION_ENDED")
    assert not refusals.wrong
