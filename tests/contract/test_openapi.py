"""The OpenAPI document is what the functions do: complete, and with examples that hold."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from commerce.shared.scopes import Scope
from infra.openapi import naming, scopes
from infra.openapi.document import document
from infra.openapi.files import DOCUMENT
from infra.template import functions, read_template

Json = dict[str, Any]

KEPT: Json = json.loads(DOCUMENT.read_text(encoding="utf-8"))
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in KEPT["paths"].items()
    for method, operation in methods.items()
}
IDEMPOTENCY_KEY_REQUIRED = {
    "POST /users/me/points/charges": True,
    "POST /admin/users/{user_id}/points": True,
    "PUT /products/{product_id}/like": False,
    "DELETE /products/{product_id}/like": False,
    "POST /orders": True,
    "POST /orders/{order_id}/cancellation": False,
    "POST /orders/{order_id}/returns": True,
    "POST /returns/{return_id}/withdrawal": False,
    "POST /admin/orders/{order_id}/refunds": True,
    "POST /payments": True,
    "POST /admin/brands": False,
    "POST /admin/coupons": False,
    "POST /admin/products": False,
    "POST /admin/products/{product_id}/stock/adjustments": True,
    "POST /admin/drops": False,
    "PATCH /admin/drops/{drop_id}": False,
    "POST /admin/drops/{drop_id}/publication": False,
    "POST /admin/drops/{drop_id}/units": False,
    "POST /admin/drops/{drop_id}/cancellation": False,
    "POST /admin/drops/{drop_id}/disqualifications": False,
}


def media_types() -> Iterator[tuple[str, Json]]:
    """Every body that is told of, with the operation it belongs to."""
    for name, operation in OPERATIONS.items():
        told = [operation.get("requestBody", {}), *operation["responses"].values()]
        for each in told:
            yield from ((name, content) for content in each.get("content", {}).values())


def examples_of(content: Json) -> list[Any]:
    """A body's examples, whether they stand there or are referred to."""
    shared = KEPT["components"]["examples"]
    named = [each["$ref"].rpartition("/")[2] for each in content.get("examples", {}).values()]
    own = [content["example"]] if "example" in content else []
    return [*own, *(shared[name]["value"] for name in named)]


def codes_of(operation: Json, status: int) -> set[str]:
    """The codes of the problems with this status."""
    content = operation["responses"][str(status)]["content"]["application/problem+json"]
    return set(content["schema"]["properties"]["code"]["enum"])


def test_the_document_has_not_drifted() -> None:
    assert json.loads(json.dumps(document())) == KEPT, "run `make openapi`"


def test_the_table_of_scopes_has_not_drifted() -> None:
    assert scopes.PAGE.read_text(encoding="utf-8") == scopes.page(), "run `make openapi`"


def test_every_route_of_the_template_is_in_the_document() -> None:
    routes = {
        f"{event['Properties']['Method'].upper()} {event['Properties']['Path']}"
        for function in functions(read_template())
        for event in function.events.values()
        if event["Type"] == "Api"
    }
    assert set(OPERATIONS) == routes


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_operation_has_summary_tags_responses_and_security(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation["summary"]
    assert operation["description"].startswith(f"{operation['summary']}.")
    assert operation["tags"]
    assert {"429", "500"} < set(operation["responses"])
    assert any(status < "300" for status in operation["responses"])
    if name.partition(" ")[2].startswith("/admin"):
        [[scope]] = [each["staff"] for each in operation["security"] if "staff" in each]
        keys = [each["apiKey"] for each in operation["security"] if "apiKey" in each]
        assert keys == ([] if "PEOPLE_ONLY" in codes_of(operation, 403) else [[scope]])
        assert scope in set(Scope)
        assert f"`{scope}`" in operation["description"]
        assert codes_of(operation, 403) >= {"MISSING_SCOPE"}
    if any(each.keys() & {"staff", "user"} for each in operation["security"]):
        refused = {"NOT_SIGNED_IN", "INVALID_TOKEN", "TOKEN_EXPIRED", "SESSION_ENDED"}
        if name.partition(" ")[2].startswith("/admin"):
            refused |= {"INVALID_API_KEY"}
        assert codes_of(operation, 401) - {"BAD_CREDENTIALS"} == refused
    keys = [each for each in operation["parameters"] if each["name"] == "Idempotency-Key"]
    wanted = IDEMPOTENCY_KEY_REQUIRED.get(name)
    assert [each["required"] for each in keys] == ([] if wanted is None else [wanted])
    for response in operation["responses"].values():
        assert {"X-Request-Id", "Cache-Control"} <= set(response["headers"])


def test_placing_an_order_documents_every_refusal() -> None:
    order = OPERATIONS["POST /orders"]
    assert codes_of(order, 404) == {
        "PRODUCT_NOT_FOUND",
        "ENTRY_NOT_FOUND",
        "ADDRESS_NOT_FOUND",
    }
    assert codes_of(order, 409) == {
        "NOT_ON_SALE",
        "PRICE_CHANGED",
        "OUT_OF_STOCK",
        "PURCHASE_LIMIT",
        "TOO_MANY_UNPAID_ORDERS",
        "HOLD_COOLDOWN",
        "INSUFFICIENT_POINTS",
        "COUPON_NOT_USABLE",
        "DROP_ONLY",
        "OFFER_NOT_VALID",
        "REQUEST_IN_PROGRESS",
    }
    assert codes_of(order, 503) == {"BUSY", "UNAVAILABLE"}
    assert "Retry-After" in order["responses"]["503"]["headers"]


def test_every_example_is_valid() -> None:
    looked_at = 0
    for name, content in media_types():
        validator = Draft202012Validator({**content["schema"], "components": KEPT["components"]})
        for example in examples_of(content):
            looked_at += 1
            errors = [each.message for each in validator.iter_errors(example)]
            assert not errors, f"{name}: {errors}"
    assert looked_at > 300


def test_every_json_body_has_an_example() -> None:
    for name, content in media_types():
        if content["schema"] not in ({"type": "string"}, {"type": "object"}):
            assert examples_of(content), f"{name} has a body without an example"


def test_every_member_of_a_problem_is_declared() -> None:
    problem, error = (KEPT["components"]["schemas"][n] for n in ("Problem", "ProblemError"))
    bodies = [each["value"] for each in KEPT["components"]["examples"].values()]
    errors = [each for body in bodies for each in body.get("errors", [])]
    assert {name for body in bodies for name in body} - set(problem["properties"]) == set()
    assert {name for each in errors for name in each} - set(error["properties"]) == set()
    assert len(errors) > 10


def test_every_documented_code_is_a_problem_code() -> None:
    documented = {
        code
        for operation in OPERATIONS.values()
        for status in operation["responses"]
        if status >= "400"
        for code in codes_of(operation, int(status))
    }
    assert set(KEPT["components"]["schemas"]["ProblemCode"]["enum"]) == documented


def test_a_list_of_values_is_spelled_out_in_one_schema() -> None:
    lists = [
        tuple(described["enum"])
        for schema in KEPT["components"]["schemas"].values()
        for described in [schema, *schema.get("properties", {}).values()]
        if "enum" in described
    ]
    assert sorted(lists) == sorted(set(lists))


@pytest.mark.parametrize("names", [{"Nothing": "Something"}, {"Kind": "Problem"}])
def test_a_name_of_no_schema_or_of_another_one_is_refused(
    names: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(naming, "NAMES", names)
    schemas = {"Kind": {"type": "string", "enum": ["FIXED"]}, "Problem": {"type": "object"}}
    with pytest.raises(KeyError, match="see NAMES"):
        naming.named({"components": {"schemas": schemas}})
