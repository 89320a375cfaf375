"""Scopes granted and revoked by `make ops ARGS="staff …"`, with access to the database."""

import json
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from commerce.app.transactions import in_transaction
from commerce.runtime import tokens
from commerce.runtime.db.connection import COMMIT
from commerce.shared.scopes import Scope
from commerce.user import SignUp, UserFacade
from commerce.user.staff import StaffFacade
from infra.ops.__main__ import main
from tests.support.admin import audit_of
from tests.support.lambda_calls import call
from tests.support.other_connection import an_observer, held_by_another, wait_until
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment", "cheap_hashes")

PASSWORD = "correct horse battery"
BLOCKED = (
    "SELECT 1 FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'"
    " AND query LIKE '%user_account%'"
)


@pytest.fixture
def login_id() -> str:
    """The login id of a new user."""
    login_id = f"A{secrets.token_hex(4)}"
    command = SignUp.model_validate_json(
        json.dumps(
            {
                "login_id": login_id,
                "password": PASSWORD,
                "name": "Kim",
                "email": f"{login_id}@example.com",
                "birth_date": "1990-04-12",
                "gender": "OTHER",
            }
        )
    )
    in_transaction(UserFacade.sign_up, command)
    return login_id


def ops(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    capsys.readouterr()
    code = main(["staff", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def scopes_of_a_session(login_id: str) -> frozenset[str]:
    body = {"login_id": login_id, "password": PASSWORD}
    answer = call("user/open_session", "POST", "/sessions", body=body)
    assert answer.status == 201
    return tokens.verify(answer.json["access_token"]).scopes


def test_a_revoked_admins_session_ends_at_once(
    login_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ops(capsys, "grant", login_id, "admin", "--yes")
    body = {"login_id": login_id, "password": PASSWORD}
    session = call("user/open_session", "POST", "/sessions", body=body).json
    weights = partial(
        call, "ranking/get_ranking_weights", "GET", "/admin/ranking-weights",
        token=session["access_token"],
    )  # fmt: skip
    assert weights().status == 200
    assert ops(capsys, "revoke", login_id, "--yes")[0] == 0
    assert (weights().status, weights().json["code"]) == (401, "SESSION_ENDED")


def test_granting_and_revoking_admin_rights_is_audited(
    login_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scopes_of_a_session(login_id) == frozenset()

    code, answer = ops(capsys, "grant", login_id.lower(), "admin", "--yes")

    assert code == 0
    [made] = [each for each in answer["staff"] if each["login_id"] == login_id]
    assert scopes_of_a_session(login_id) == {"admin"}
    assert ops(capsys, "grant", login_id, "admin", "--yes")[0] == 0  # again: nothing changes
    assert ops(capsys, "revoke", login_id, "--yes")[0] == 0
    assert scopes_of_a_session(login_id) == frozenset()
    assert made not in ops(capsys, "list")[1]["staff"]
    [granted, revoked] = audit_of(made["user_id"])
    assert granted[1:] == ("change scopes", {"scopes": []}, {"scopes": ["admin"]})
    assert revoked[1:] == ("change scopes", {"scopes": ["admin"]}, {"scopes": []})
    assert "@" in granted[0]


def test_granting_and_revoking_need_confirmation(
    login_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, answer = ops(capsys, "grant", login_id, "admin")
    assert (code, "--yes" in answer["error"]) == (2, True)
    assert scopes_of_a_session(login_id) == frozenset()
    ops(capsys, "grant", login_id, "admin", "--yes")
    code, answer = ops(capsys, "revoke", login_id)
    assert (code, "--yes" in answer["error"]) == (2, True)
    assert scopes_of_a_session(login_id) == {"admin"}


def test_a_granted_scope_keeps_one_that_was_granted_at_the_same_time(
    login_id: str, database_url: str
) -> None:
    grant = "UPDATE user_account SET scopes = '{auditor}' WHERE login_id = $1"
    with (
        ThreadPoolExecutor(max_workers=1) as threads,
        held_by_another(database_url, grant, login_id) as somebody,
        an_observer(database_url) as look,
    ):
        grant_admin = partial(
            in_transaction, StaffFacade.grant_by_login, login_id, [Scope.ADMIN], by="another"
        )
        waiting = threads.submit(run_concurrently, [grant_admin])
        name = database_url.rpartition("/")[2]
        wait_until(lambda: look(BLOCKED, name) or waiting.done())
        somebody.run([COMMIT])
        waiting.result()
    assert scopes_of_a_session(login_id) == {"admin", "auditor"}


@pytest.mark.parametrize(
    "command",
    [
        ["staff", "grant", "nobody0000", "admin"],
        ["staff", "revoke", "nobody0000"],
        ["sessions", "end", "nobody0000"],
    ],
)
def test_an_unknown_login_id_is_refused(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main([*command, "--yes", "--json"]) == 2
    assert json.loads(capsys.readouterr().out) == {"error": "There is no such user"}


def test_what_was_revoked_and_ended_is_printed_with_its_moment(
    login_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ops(capsys, "grant", login_id, "admin", "--yes")
    for _ in range(2):
        scopes_of_a_session(login_id)
    assert main(["staff", "revoke", login_id, "--yes"]) == 0
    printed = capsys.readouterr().out
    assert f"Revoked of {login_id}: admin." in printed
    assert f"2 sessions of {login_id} ended." in printed
    assert re.search(r"has worked since 2\d{3}-\d\d-\d\dT\d\d:\d\d", printed)
    scopes_of_a_session(login_id)
    assert main(["staff", "revoke", login_id, "--yes"]) == 0
    printed = capsys.readouterr().out
    assert "had none of these scopes: nothing was changed" in printed
    assert f"sessions end {login_id}" in printed


def test_all_sessions_of_a_user_end_by_command_and_their_scopes_stay(
    login_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ops(capsys, "grant", login_id, "admin", "--yes")
    body = {"login_id": login_id, "password": PASSWORD}
    token = call("user/open_session", "POST", "/sessions", body=body).json["access_token"]
    capsys.readouterr()
    assert main(["sessions", "end", login_id, "--yes", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["sessions_ended"], answer["revoked"]) == (1, [])
    refused = call("ranking/get_ranking_weights", "GET", "/admin/ranking-weights", token=token)
    assert (refused.status, refused.json["code"]) == (401, "SESSION_ENDED")
    assert scopes_of_a_session(login_id) == {"admin"}
    assert [each[1] for each in audit_of(answer["user_id"])][-1] == "end sessions"
