"""Signed-up users with sessions, as clients have them."""

import secrets
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from commerce.shared.scopes import Scope
from tests.support.lambda_calls import Answer, call
from tests.support.shop import Person, an_address, rows

PASSWORD = "roadrunner on the run"
PATIENCE_SECONDS = 300  # a hundred threads share two processors


@dataclass(frozen=True, slots=True)
class Account:
    """A user who has signed up."""

    user_id: UUID
    login_id: str

    @property
    def email(self) -> str:
        """The address with which they signed up."""
        return f"{self.login_id}@example.com"

    def sign_in(self, password: str = PASSWORD, **more: Any) -> Answer:
        """POST /sessions, from an address of its own."""
        body = {"login_id": self.login_id, "password": password, **more}
        return call(
            "user/open_session",
            "POST",
            "/sessions",
            body=body,
            source_ip=an_address(),
            timeout_seconds=PATIENCE_SECONDS,
        )

    def tokens(self) -> Any:
        """Sign in; return what the session's client keeps."""
        answer = self.sign_in()
        assert answer.status == 201, answer.json
        return answer.json


def an_account(*scopes: Scope) -> Account:
    """Sign a user up, with scopes as if they had been granted."""
    login_id = "U" + secrets.token_hex(4)
    body = {
        "login_id": login_id,
        "password": PASSWORD,
        "name": "Wile E. Coyote",
        "email": f"{login_id}@example.com",
        "birth_date": "1949-09-17",
        "gender": "OTHER",
    }
    answer = call("user/sign_up", "POST", "/users", body=body, timeout_seconds=PATIENCE_SECONDS)
    assert answer.status == 201, answer.json
    user_id = UUID(answer.json["user_id"])
    if scopes:
        sql = "UPDATE user_account SET scopes = $2 WHERE id = $1 RETURNING id"
        rows(sql, user_id, list(scopes))
    return Account(user_id, login_id)


def a_signed_in_buyer() -> Person:
    """A new user with the token of a session, which production demands."""
    account = an_account()
    return Person(account.user_id, account.tokens()["access_token"])


def refresh(refresh_token: str) -> Answer:
    """POST /sessions/refresh."""
    body = {"refresh_token": refresh_token}
    return call(
        "user/refresh_session",
        "POST",
        "/sessions/refresh",
        body=body,
        timeout_seconds=PATIENCE_SECONDS,
    )


def sessions_of(access_token: str) -> Answer:
    """GET /sessions."""
    return call("user/list_sessions", "GET", "/sessions", token=access_token)


def end_session(access_token: str, session_id: str) -> Answer:
    """DELETE /sessions/{session_id}, or the current one."""
    if session_id == "current":
        return call("user/end_current_session", "DELETE", "/sessions/current", token=access_token)
    return call("user/end_session", "DELETE", f"/sessions/{session_id}", token=access_token)


def end_sessions(access_token: str) -> Answer:
    """DELETE /sessions."""
    return call("user/end_sessions", "DELETE", "/sessions", token=access_token)


def change_password(access_token: str, new: str, current: str = PASSWORD) -> Answer:
    """PUT /users/me/password."""
    body = {"current_password": current, "new_password": new}
    return call(
        "user/change_password",
        "PUT",
        "/users/me/password",
        token=access_token,
        body=body,
        timeout_seconds=PATIENCE_SECONDS,
    )


def me(access_token: str) -> Answer:
    """GET /users/me."""
    return call("user/get_me", "GET", "/users/me", token=access_token)


def edit_me(access_token: str, tag: str = "", **body: Any) -> Answer:
    """PATCH /users/me, with the password where an address is sent."""
    headers = {"If-Match": tag} if tag else {}
    body = {"password": PASSWORD} | body if "email" in body else body
    return call(
        "user/edit_me", "PATCH", "/users/me", token=access_token, body=body, headers=headers,
        timeout_seconds=PATIENCE_SECONDS, source_ip=an_address(),
    )  # fmt: skip
