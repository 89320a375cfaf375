"""Staff and machines, as the API shows and changes them."""

import secrets
from typing import Any

from commerce.shared.scopes import Scope
from tests.support.lambda_calls import Answer, call
from tests.support.sessions import Account, an_account
from tests.support.shop import an_admin


def staff_call(name: str, method: str, path: str, resource: str, **request: Any) -> Answer:
    """One request to a function of functions/user, by an operator with `admin` unless said else."""
    if "token" not in request and "headers" not in request:
        request["token"] = an_admin().token
    return call(f"user/{name}", method, path, resource=resource, **request)


def set_scopes(user_id: object, *scopes: str, **request: Any) -> Answer:
    """PUT /admin/staff/{user_id}."""
    body = {"scopes": list(scopes)}
    path, resource = f"/admin/staff/{user_id}", "/admin/staff/{user_id}"
    return staff_call("set_scopes", "PUT", path, resource, body=body, **request)


def revoke_scopes(user_id: object, **request: Any) -> Answer:
    """DELETE /admin/staff/{user_id}."""
    path, resource = f"/admin/staff/{user_id}", "/admin/staff/{user_id}"
    return staff_call("revoke_scopes", "DELETE", path, resource, **request)


def list_staff(query: str = "", **request: Any) -> Answer:
    """GET /admin/staff."""
    return staff_call("list_staff", "GET", f"/admin/staff{query}", "/admin/staff", **request)


def find_users(query: str, **request: Any) -> Answer:
    """GET /admin/users."""
    return staff_call("find_users", "GET", f"/admin/users{query}", "/admin/users", **request)


def get_user(user_id: object, **request: Any) -> Answer:
    """GET /admin/users/{user_id}."""
    path, resource = f"/admin/users/{user_id}", "/admin/users/{user_id}"
    return staff_call("get_user", "GET", path, resource, **request)


def suspend(user_id: object, reason: str = "Uses stolen cards", **request: Any) -> Answer:
    """POST /admin/users/{user_id}/suspension."""
    path, resource = f"/admin/users/{user_id}/suspension", "/admin/users/{user_id}/suspension"
    body = {"reason": reason}
    return staff_call("suspend_user", "POST", path, resource, body=body, **request)


def lift_suspension(user_id: object, **request: Any) -> Answer:
    """DELETE /admin/users/{user_id}/suspension."""
    path, resource = f"/admin/users/{user_id}/suspension", "/admin/users/{user_id}/suspension"
    return staff_call("lift_suspension", "DELETE", path, resource, **request)


def end_sessions_of(user_id: object, **request: Any) -> Answer:
    """POST /admin/users/{user_id}/sessions/end."""
    path, resource = f"/admin/users/{user_id}/sessions/end", "/admin/users/{user_id}/sessions/end"
    return staff_call("end_sessions_of_user", "POST", path, resource, **request)


def create_key(*scopes: str, name: str = "Warehouse", **request: Any) -> Answer:
    """POST /admin/api-keys; what is not of the request is of the body."""
    sent = {each: request.pop(each) for each in ("token", "headers") if each in request}
    body = {"name": name, "scopes": list(scopes), **request}
    return staff_call(
        "create_api_key", "POST", "/admin/api-keys", "/admin/api-keys", body=body, **sent
    )


def list_keys(query: str = "", **request: Any) -> Answer:
    """GET /admin/api-keys."""
    path = f"/admin/api-keys{query}"
    return staff_call("list_api_keys", "GET", path, "/admin/api-keys", **request)


def revoke_key(api_key_id: object, **request: Any) -> Answer:
    """DELETE /admin/api-keys/{api_key_id}."""
    path, resource = f"/admin/api-keys/{api_key_id}", "/admin/api-keys/{api_key_id}"
    return staff_call("revoke_api_key", "DELETE", path, resource, **request)


def a_key_with(*scopes: str, **more: Any) -> Any:
    """A new key, with its secret."""
    answer = create_key(*scopes, **more)
    assert answer.status == 201, answer.json
    return answer.json


def by_key(secret: str) -> dict[str, str]:
    """The header that a machine sends."""
    return {"X-Api-Key": secret}


def audit(query: str = "", **request: Any) -> Answer:
    """GET /admin/audit."""
    if "token" not in request and "headers" not in request:
        request["token"] = an_admin().token
    path = f"/admin/audit{query}"
    return call("operations/list_acts", "GET", path, resource="/admin/audit", **request)


def acts_by(by: str) -> list[tuple[str, str, str | None]]:
    """(action, outcome, code) of each act of somebody, in their order."""
    answer = audit(f"?by={by}&limit=100")
    assert answer.status == 200, answer.json
    return [(each["action"], each["outcome"], each["code"]) for each in answer.json["items"]][::-1]


def signed_in(*scopes: Scope) -> tuple[Account, str]:
    """A new member of staff with these scopes, and their access token."""
    account = an_account(*scopes)
    return account, account.tokens()["access_token"]


def unknown_id() -> str:
    """An id that nothing has."""
    return f"0198c0de-0000-7000-8000-{secrets.token_hex(6)}"
