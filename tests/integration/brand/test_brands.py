"""Brands from the handlers to PostgreSQL and back."""

from typing import Any
from uuid import uuid4

import pytest

from tests.support.lambda_calls import Answer, call
from tests.support.shop import a_buyer, an_admin, rows

pytestmark = pytest.mark.usefixtures("shop_environment")


def register(body: Any, token: str | None = None) -> Answer:
    sent_by = an_admin().token if token is None else token
    return call("brand/register_brand", "POST", "/admin/brands", body=body, token=sent_by)


def get(brand_id: str) -> Answer:
    return call("brand/get_brand", "GET", f"/brands/{brand_id}")


def test_a_registered_brand_is_public() -> None:
    answer = register({"name": "Acme \N{ANCHOR}", "description": "Every'thing\n\\ $1"})
    brand_id = answer.json["brand_id"]
    expected = {
        "brand_id": brand_id,
        "name": "Acme \N{ANCHOR}",
        "description": "Every'thing\n\\ $1",
    }
    assert (answer.status, answer.json) == (201, expected)
    seen = get(brand_id)
    assert (seen.status, seen.json) == (200, expected)
    assert get(brand_id.upper()).json == expected


@pytest.mark.parametrize(
    "brand_id", ["018f0000-0000-7000-8000-0000deadbeef", "1", "acme", "%00", "a%20b"]
)
def test_an_unknown_brand_is_not_found(brand_id: str) -> None:
    answer = get(brand_id)
    assert (answer.status, answer.json["code"]) == (404, "BRAND_NOT_FOUND")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "Ac\x00me"}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"name": 5}, "name"),
        ({"name": None}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "Acme", "description": "\x00"}, "description"),
        ({"name": "Acme", "description": 5}, "description"),
        ({"name": "Acme", "colour": "red"}, "colour"),
        ({"name": "Acme", "\ud800": 1}, "body"),
        ([], "body"),
        ("Acme", "body"),
        (5, "body"),
        (None, "body"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_a_bad_brand_is_refused_with_its_field(body: Any, field: str) -> None:
    answer = register(body)
    assert (answer.status, answer.json["code"]) == (422, "VALIDATION_FAILED")
    [error] = answer.json["errors"]
    assert set(error) == {"field", "message", "code"}
    assert error["field"] == field


def test_only_an_admin_registers_brands() -> None:
    name = f"Acme {uuid4()}"
    for token, status, code in [
        ("", 401, "NOT_SIGNED_IN"),
        ("forged", 401, "INVALID_TOKEN"),
        (a_buyer().token, 403, "MISSING_SCOPE"),
    ]:
        answer = register({"name": name}, token=token)
        assert (answer.status, answer.json["code"]) == (status, code)
    assert rows("SELECT 1 AS one FROM brand WHERE name = $1", name) == []


def test_brands_are_listed_newest_first(own_shop: str) -> None:
    ids = [register({"name": f"Brand {number}"}).json["brand_id"] for number in range(5)]
    seen, path = [], "/brands?limit=2"
    while path:
        page = call("brand/list_brands", "GET", path)
        assert page.status == 200
        assert set(page.json) == {"items", "next_cursor"}
        seen += [brand["brand_id"] for brand in page.json["items"]]
        cursor = page.json["next_cursor"]
        path = f"/brands?limit=2&cursor={cursor}" if cursor else ""
    assert seen == ids[::-1]
    all_ = call("brand/list_brands", "GET", "/brands")
    assert [brand["brand_id"] for brand in all_.json["items"]] == ids[::-1]
    assert all_.json["next_cursor"] is None


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "VALIDATION_FAILED"),
        ("limit=101", "VALIDATION_FAILED"),
        ("limit=-1", "VALIDATION_FAILED"),
        ("limit=many", "VALIDATION_FAILED"),
        ("limit=1.5", "VALIDATION_FAILED"),
        ("limit=", "VALIDATION_FAILED"),
        ("limit=99999999999999999999999", "VALIDATION_FAILED"),
        ("cursor=forged", "INVALID_CURSOR"),
        ("cursor=%00", "INVALID_CURSOR"),
        ("cursor=%F0%9F%98%80", "INVALID_CURSOR"),
        ("cursor=" + "a" * 513, "VALIDATION_FAILED"),
    ],
)
def test_an_invalid_list_query_is_refused(query: str, code: str) -> None:
    answer = call("brand/list_brands", "GET", f"/brands?{query}")
    assert (answer.status, answer.json["code"]) == (422, code)


def test_a_page_of_one_hundred_brands_is_allowed() -> None:
    assert call("brand/list_brands", "GET", "/brands?limit=100").status == 200
    assert call("brand/list_brands", "GET", "/brands?limit=1&cursor=").status == 200
