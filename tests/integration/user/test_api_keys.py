"""API keys: shown once, kept as a digest, limited in scope, rate and time, and revoked at once."""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from commerce.shared import clock
from commerce.shared.clock import rfc3339
from commerce.shared.scopes import Scope
from commerce.user.api_keys.statements import AT_ONCE, PER_SECOND
from tests.support.admin import audit_of
from tests.support.lambda_calls import Answer, call
from tests.support.shop import a_product, an_admin, rows
from tests.support.staff import (
    a_key_with,
    by_key,
    create_key,
    list_keys,
    revoke_key,
    revoke_scopes,
    set_scopes,
    signed_in,
    suspend,
    unknown_id,
)

pytestmark = pytest.mark.usefixtures("shop_environment", "cheap_hashes")

INVALID = (401, "INVALID_API_KEY")


def refused(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


def stock_by(secret: str, product_id: str | None = None, **more: str) -> Answer:
    path = f"/admin/products/{product_id or unknown_id()}/stock"
    return call("product/get_stock", "GET", path, headers={**by_key(secret), **more})


def is_let_in(secret: str) -> bool:
    answer = stock_by(secret)
    assert answer.status in (401, 403, 404), answer.json
    return answer.status == 404


def test_a_key_is_shown_once_and_kept_as_a_digest() -> None:
    admin, token = signed_in(Scope.ADMIN)
    made = create_key("stock", "orders:fulfil", token=token)
    assert made.status == 201
    key = made.json.pop("key")
    assert key.startswith("lastunit_key_")
    assert len(key) == len("lastunit_key_") + 64
    assert made.json["ends_with"] == key[-4:]
    assert made.json["scopes"] == ["stock", "orders:fulfil"]
    assert made.json["created_by"] == f"admin:{admin.user_id}"
    [row] = rows("SELECT * FROM api_key WHERE id = $1", made.json["api_key_id"])
    assert row.digest == hashlib.sha256(key.encode()).hexdigest()
    assert key not in json.dumps([str(each) for each in row])
    assert made.json in list_keys("?limit=100").json["items"]
    for table in ("admin_audit", "staff_act", "once"):
        found = rows(f"SELECT count(*) AS n FROM {table} AS t WHERE t::text LIKE $1", f"%{key}%")
        assert found[0].n == 0


def test_a_key_opens_what_its_scopes_open_and_nothing_of_a_shopper() -> None:
    key = a_key_with("stock")["key"]
    product_id = a_product(3)
    assert stock_by(key, product_id).json["available"] == 3
    body = {"name": "Acme", "description": ""}
    answer = call("brand/register_brand", "POST", "/admin/brands", body=body, headers=by_key(key))
    assert refused(answer) == (403, "MISSING_SCOPE")
    assert answer.json["scope"] == "catalogue"
    answer = call("user/get_me", "GET", "/users/me", headers=by_key(key))
    assert refused(answer) == (401, "NOT_SIGNED_IN")


@pytest.mark.parametrize(
    "secret",
    ["", "lastunit_key_", "lastunit_key_" + "0" * 64, "lastunit_key_" + "A" * 64, "a.b.c", "é"],
)
def test_a_key_that_was_never_made_is_refused(secret: str) -> None:
    assert refused(stock_by(secret)) == INVALID


def test_a_key_beside_a_token_is_refused() -> None:
    key = a_key_with("stock")["key"]
    answer = stock_by(key, Authorization=f"Bearer {an_admin().token}")
    assert refused(answer) == INVALID


def test_a_revoked_key_opens_nothing_from_then_on() -> None:
    made = a_key_with("stock")
    assert is_let_in(made["key"])
    for _ in range(2):
        assert revoke_key(made["api_key_id"]).status == 204
    assert refused(stock_by(made["key"])) == INVALID
    actions = [each[1] for each in audit_of(made["api_key_id"])]
    assert actions == ["create api key", "revoke api key"]
    [seen] = [
        each for each in list_keys("?limit=100").json["items"]
        if each["api_key_id"] == made["api_key_id"]
    ]  # fmt: skip
    assert seen["revoked_at"] is not None


def test_an_expired_key_opens_nothing() -> None:
    made = a_key_with("stock", expires_at=rfc3339(clock.now() + timedelta(hours=1)))
    assert is_let_in(made["key"])
    sql = "UPDATE api_key SET expires_at = now() WHERE id = $1 RETURNING id"
    rows(sql, made["api_key_id"])
    assert refused(stock_by(made["key"])) == INVALID


def test_a_key_ends_in_a_year_unless_it_says_when() -> None:
    made = a_key_with("stock")
    created, expires = (clock.parse_rfc3339(made[each]) for each in ("created_at", "expires_at"))
    assert expires - created == timedelta(days=365)
    past = rfc3339(clock.now() - timedelta(seconds=1))
    assert refused(create_key("stock", expires_at=past)) == (422, "EXPIRES_TOO_EARLY")


@pytest.mark.parametrize(
    "body",
    [{"name": " "}, {"scopes": []}, {"scopes": ["all"]}, {"expires_at": "soon"}, {"key": "mine"}],
)
def test_a_key_that_makes_no_sense_is_not_made(body: dict[str, Any]) -> None:
    creator, token = signed_in(Scope.ADMIN)
    scopes = body.pop("scopes", ["stock"])
    assert refused(create_key(*scopes, token=token, **body)) == (422, "VALIDATION_FAILED")
    assert rows("SELECT id FROM api_key WHERE creator_id = $1", creator.user_id) == []


def test_a_key_loses_the_scopes_that_its_creator_loses() -> None:
    creator, token = signed_in(Scope.ADMIN)
    key = a_key_with("stock", "coupons", token=token)["key"]
    assert is_let_in(key)
    set_scopes(creator.user_id, "coupons")
    assert refused(stock_by(key)) == (403, "MISSING_SCOPE")
    set_scopes(creator.user_id, "coupons", "stock")
    assert is_let_in(key)
    revoke_scopes(creator.user_id)
    assert refused(stock_by(key)) == (403, "MISSING_SCOPE")


def test_a_suspended_creators_key_opens_nothing() -> None:
    creator, token = signed_in(Scope.ADMIN)
    key = a_key_with("stock", token=token)["key"]
    suspend(creator.user_id)
    assert refused(stock_by(key)) == INVALID


def test_a_key_with_admin_gives_and_takes_no_rights() -> None:
    key = a_key_with("admin")["key"]
    account, _ = signed_in()
    for answer in (
        set_scopes(account.user_id, "admin", headers=by_key(key)),
        revoke_scopes(account.user_id, headers=by_key(key)),
        create_key("stock", headers=by_key(key)),
        revoke_key(unknown_id(), headers=by_key(key)),
    ):
        assert refused(answer) == (403, "PEOPLE_ONLY")
    assert is_let_in(key)


def test_a_key_that_is_used_too_fast_waits_and_goes_on() -> None:
    made = a_key_with("stock")
    ahead = timedelta(seconds=AT_ONCE / PER_SECOND)
    sql = "UPDATE api_key SET next_request_at = now() + $2::interval WHERE id = $1 RETURNING id"
    rows(sql, made["api_key_id"], f"{ahead.total_seconds() + 60} s")
    answer = stock_by(made["key"])
    assert refused(answer) == (429, "TOO_MANY_REQUESTS")
    assert answer.headers["retry-after"] == "1"
    rows(sql, made["api_key_id"], "0 s")
    assert is_let_in(made["key"])


def test_acts_of_a_key_are_named_after_it() -> None:
    made = a_key_with("stock", "catalogue")
    product_id = a_product(3)
    path = f"/admin/products/{product_id}/stock"
    body = {"quantity": 2}
    answer = call("product/set_stock", "PUT", path, body=body, headers=by_key(made["key"]))
    assert answer.status == 200
    assert audit_of(product_id)[-1][0] == f"key:{made['api_key_id']}"


def test_no_key_is_in_any_log_line(logged: Callable[[], list[dict[str, Any]]]) -> None:
    made = a_key_with("stock")
    stock_by(made["key"])
    stock_by(made["key"][:-1] + "x")
    stock_by("lastunit_key_" + "0" * 64)
    lines = logged()
    assert made["key"][:-1] not in json.dumps(lines)
    assert any(line.get("api_key_id") == made["api_key_id"] for line in lines)
