"""Scenarios in which admins manage staff, users and API keys, and read the audit."""

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from commerce.runtime import tokens
from commerce.shared.scopes import Scope
from tests.harness.crash.cases import CREATED, OK, Case, Scenario, a_case, answered
from tests.harness.crash.shoppers import sign_up
from tests.support.lambda_calls import Answer, call
from tests.support.shop import Person, rows
from tests.support.staff import (
    a_key_with,
    audit,
    create_key,
    end_sessions_of,
    find_users,
    get_user,
    lift_suspension,
    list_keys,
    list_staff,
    revoke_key,
    revoke_scopes,
    set_scopes,
    suspend,
)

GONE = frozenset({"204"})


def _admin_and_user(*held: str) -> Case:
    """An admin with an account, and a signed-in user with scopes whom they change."""
    case = a_case()
    people = []
    for login_id, scopes in ((case.key[:10], list(held)), (case.key[10:20], [Scope.ADMIN])):
        answer = sign_up(login_id)
        assert answer.status == 201, answer.json
        user_id = answer.json["user_id"]
        rows("UPDATE user_account SET scopes = $2 WHERE id = $1 RETURNING id", user_id, scopes)
        people.append(user_id)
        _open(login_id)
    user_id, admin_id = people
    [row] = rows("SELECT id, epoch FROM user_session WHERE user_id = $1", admin_id)
    token = tokens.sign(
        admin_id, frozenset({Scope.ADMIN}), session_id=row.id, epoch=row.epoch
    )  # fmt: skip
    return replace(case, buyer=Person(user_id, ""), admin=Person(admin_id, token))


def _open(login_id: str) -> None:
    body = {"login_id": login_id, "password": "correct horse battery"}
    source_ip = f"2001:db8:{login_id[:4]}:{login_id[4:8]}::1"
    answer = call("user/open_session", "POST", "/sessions", body=body, source_ip=source_ip)
    assert answer.status == 201, answer.json


def _fresh_deployment() -> Case:
    """A shop without an admin, with a user, and an operator whose token makes the first one."""
    rows("UPDATE user_account SET scopes = '{}' WHERE 'admin' = ANY (scopes) RETURNING id")
    rows("DELETE FROM bootstrap_use RETURNING is_used")
    case = a_case()
    answer = sign_up(case.key[:10])
    assert answer.status == 201, answer.json
    return replace(case, buyer=Person(answer.json["user_id"], ""))


def _bootstrap(case: Case) -> str:
    before = os.environ.get("ENVIRONMENT", "development")
    os.environ["ENVIRONMENT"] = "production"
    try:
        return answered(set_scopes(case.buyer.user_id, "admin", token=case.admin.token))
    finally:
        os.environ["ENVIRONMENT"] = before


def _first_admin(case: Case) -> object:
    """The account, the admins, and how often the operator's token was used up."""
    sql = """
        SELECT (SELECT count(*) FROM user_account WHERE 'admin' = ANY (scopes)) AS admins,
            (SELECT count(*) FROM bootstrap_use) AS uses
    """
    return _account(case), tuple(rows(sql)[0])


def _suspended() -> Case:
    case = _admin_and_user()
    assert suspend(case.buyer.user_id).status == 200
    return case


def _with_a_key() -> Case:
    case = _admin_and_user()
    made = a_key_with("stock", name=case.key, token=case.admin.token)
    return replace(case, words={"api_key_id": made["api_key_id"]})


def _account(case: Case) -> object:
    """Rights and sessions of the user, and what the audit says of both."""
    user_id = case.buyer.user_id
    sql = """
        SELECT scopes, epoch, suspended_at IS NOT NULL AS is_suspended, suspension_reason,
            (SELECT count(*) FROM user_session AS s WHERE s.user_id = u.id) AS sessions
        FROM user_account AS u WHERE id = $1
    """
    [user] = rows(sql, user_id)
    return tuple(user), _changes(user_id), _is_recorded(case)


def _changes(subject_id: object) -> list[str]:
    found = rows("SELECT action FROM admin_audit WHERE subject_id = $1 ORDER BY id", subject_id)
    return [row.action for row in found]


def _is_recorded(case: Case) -> bool:
    """Say whether the audit has an act of the admin, whatever it says of the outcome."""
    sql = 'SELECT count(*) AS n FROM staff_act WHERE "by" = $1'
    return bool(rows(sql, f"admin:{case.admin.user_id}")[0].n)


def _keys(case: Case) -> object:
    sql = "SELECT id, scopes, revoked_at IS NOT NULL AS is_revoked FROM api_key WHERE name = $1"
    found = rows(sql, case.key)
    return sorted((list(row.scopes), row.is_revoked) for row in found), _is_recorded(case)


def _key_changes(case: Case) -> object:
    return _keys(case), _changes(case.words["api_key_id"])


def _on_user(act: Callable[..., Answer], *more: Any) -> Callable[[Case], str]:
    return lambda case: answered(act(case.buyer.user_id, *more, token=case.admin.token))


def _by_admin(act: Callable[..., Answer], seen: Callable[[Any], object]) -> Callable[[Case], str]:
    return lambda case: answered(act(token=case.admin.token), seen)


def _create(case: Case) -> str:
    return answered(create_key("stock", name=case.key, token=case.admin.token))


def _find(case: Case) -> str:
    answer = find_users(f"?login_id={case.key[:10]}", token=case.admin.token)
    return answered(answer, lambda body: [each["scopes"] for each in body["items"]])


SCENARIOS = (
    Scenario(
        "set_scopes", "user/set_scopes", lambda: _admin_and_user("coupons"),
        _on_user(set_scopes, "stock"), OK, look=_account,
    ),
    Scenario(
        # A retry after a lost answer learns that the token is used: the admin can sign in.
        "make_first_admin", "user/set_scopes", _fresh_deployment, _bootstrap,
        frozenset({"200", "409 BOOTSTRAP_USED"}), look=_first_admin,
    ),
    Scenario(
        "revoke_scopes", "user/revoke_scopes", lambda: _admin_and_user("stock", "ops"),
        _on_user(revoke_scopes), GONE, look=_account,
    ),
    Scenario(
        "suspend_user", "user/suspend_user", _admin_and_user, _on_user(suspend), OK, look=_account
    ),
    Scenario(
        "lift_suspension", "user/lift_suspension", _suspended, _on_user(lift_suspension), GONE,
        look=_account,
    ),
    Scenario(
        "end_sessions_of_user", "user/end_sessions_of_user", _admin_and_user,
        _on_user(end_sessions_of), GONE,
        look=lambda case: _account(case)[0],  # type: ignore[index]  # a retry is a second act
    ),
    Scenario(
        "get_user", "user/get_user", _admin_and_user, _on_user(get_user), OK, look=_is_recorded
    ),
    Scenario(
        "find_users", "user/find_users", lambda: _admin_and_user("stock"), _find,
        frozenset({"200 [['stock']]"}), look=_is_recorded,
    ),
    Scenario(
        "list_staff", "user/list_staff", lambda: _admin_and_user("stock"),
        _by_admin(list_staff, lambda body: len(body["items"]) >= 2), frozenset({"200 True"}),
        look=_is_recorded,
    ),
    Scenario(
        # Without a key a retry makes a second one, as the first answer must not be kept.
        "create_api_key", "user/create_api_key", _admin_and_user, _create, CREATED,
        is_never_retried=True, look=lambda case: len(_keys(case)[0]) <= 1,  # type: ignore[index]
    ),
    Scenario(
        "list_api_keys", "user/list_api_keys", _with_a_key,
        _by_admin(list_keys, lambda body: bool(body["items"])), frozenset({"200 True"}),
    ),
    Scenario(
        "revoke_api_key", "user/revoke_api_key", _with_a_key,
        lambda case: answered(revoke_key(case.words["api_key_id"], token=case.admin.token)), GONE,
        look=_key_changes,
    ),
    Scenario(
        "list_acts", "operations/list_acts", _with_a_key,
        lambda case: answered(
            audit(f"?by=admin:{case.admin.user_id}", token=case.admin.token),
            lambda body: [(each["action"], each["outcome"]) for each in body["items"]],
        ),
        frozenset({"200 [('POST /admin/api-keys', 'DONE')]"}),
    ),
)  # fmt: skip
