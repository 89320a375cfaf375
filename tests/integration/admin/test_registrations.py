"""Registering once: with an Idempotency-Key an admin may press again, and there is one of it."""

from typing import Any

import pytest

from tests.support.admin import audit_of
from tests.support.coupons import an_offer
from tests.support.lambda_calls import Answer, call
from tests.support.shop import a_brand, a_key, an_admin, rows

pytestmark = pytest.mark.usefixtures("shop_environment")

KINDS = ("brand", "product", "coupon")


def register(kind: str, body: Any, token: str, key: str | None) -> Answer:
    path = f"/admin/{kind}s"
    return call(f"{kind}/register_{kind}", "POST", path, body=body, token=token, key=key)


def body_of(kind: str, name: str) -> Any:
    match kind:
        case "brand":
            return {"name": name}
        case "product":
            return {"brand_id": a_brand(), "name": name, "price_amount": 100}
    return an_offer(name=name)


def ids_named(kind: str, name: str) -> list[str]:
    return [str(row.id) for row in rows(f"SELECT id FROM {kind} WHERE name = $1", name)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_repeated_registration_with_its_key_returns_the_same_one(kind: str) -> None:
    name, key, token = a_key(), a_key(), an_admin().token
    body = body_of(kind, name)
    first, second = (register(kind, body, token, key) for _ in range(2))
    assert (first.status, second.status) == (201, 201)
    assert second.json == first.json
    assert second.headers["etag"] == first.headers["etag"]
    assert second.headers["idempotency-replayed"] == "true"
    assert ids_named(kind, name) == [first.json[f"{kind}_id"]]
    assert len(audit_of(first.json[f"{kind}_id"])) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_registration_key_with_another_body_is_refused(kind: str) -> None:
    name, key, token = a_key(), a_key(), an_admin().token
    body = body_of(kind, name)
    assert register(kind, body, token, key).status == 201
    answer = register(kind, {**body, "name": "Another"}, token, key)
    assert (answer.status, answer.json["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


@pytest.mark.parametrize("kind", KINDS)
def test_registrations_without_a_key_are_separate(kind: str) -> None:
    name, token = a_key(), an_admin().token
    body = body_of(kind, name)
    assert [register(kind, body, token, None).status for _ in range(2)] == [201, 201]
    assert len(ids_named(kind, name)) == 2
