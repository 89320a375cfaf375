"""Behind a custom domain requests find their routes, and callbacks find the way back."""

from typing import Any

import pytest
from aws_lambda_powertools.event_handler import Response

from commerce.entrypoints.http import JSON, http_api, lambda_handler, static_file
from commerce.entrypoints.http.request import IncomingRequest
from commerce.entrypoints.payments import callback_url
from tests.support.lambda_calls import http_event, lambda_context

ITEM = "/products/{product_id}"


def event(path: str, resource: str, parameters: dict[str, str] | None = None) -> dict[str, Any]:
    return {**http_event("GET", path, resource=resource), "pathParameters": parameters}


def routed(path: str, resource: str, parameters: dict[str, str] | None = None) -> str:
    found = IncomingRequest.of(event(path, resource, parameters), lambda_context())
    return str(found.event["path"])


@pytest.mark.parametrize("base", ["", "/shop", "/v1", "/shop/api", "/products", "/products/p1"])
@pytest.mark.parametrize(
    ("resource", "parameters", "path"),
    [
        ("/products", None, "/products"),
        (ITEM, {"product_id": "p1"}, "/products/p1"),
        (f"{ITEM}/like", {"product_id": "p1"}, "/products/p1/like"),
        ("/openapi.json", None, "/openapi.json"),
    ],
)
def test_a_base_path_is_left_out_of_the_routed_path(
    base: str, resource: str, parameters: dict[str, str] | None, path: str
) -> None:
    assert routed(base + path, resource, parameters) == path
    assert routed(f"{base}{path}/", resource, parameters) == path


def test_a_parameter_with_an_encoded_slash_moves_no_resource() -> None:
    parameters = {"product_id": "a/products/b"}
    assert routed("/products/a/products/b", ITEM, parameters) == "/products/a/products/b"
    assert routed("/shop/products/a/products/b", ITEM, parameters) == "/products/a/products/b"


def test_a_path_without_its_resource_or_parameters_is_left_alone() -> None:
    assert routed("/shop/products/p1", ITEM) == "/shop/products/p1"
    assert routed("/elsewhere", "/products") == "/elsewhere"
    bare = http_event("GET", "/products")
    del bare["resource"]
    assert IncomingRequest.of(bare, lambda_context()).event["path"] == "/products"


@pytest.mark.parametrize("path", ["/products/p1", "/shop/products/p1"])
def test_a_route_answers_with_and_without_a_base_path(path: str) -> None:
    api = http_api()

    @api.get("/products/<product_id>")
    def get_product(product_id: str) -> Response[str]:
        return static_file(f'"{product_id}"', JSON)

    answer = lambda_handler(api)(event(path, ITEM, {"product_id": "p1"}), lambda_context())

    assert (answer["statusCode"], answer["body"]) == (200, '"p1"')


def context(domain: str, path: str, stage: str = "v1") -> dict[str, str]:
    return {
        "domainName": domain, "path": path, "resourcePath": "/payments", "stage": stage,
        "apiId": "abc",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("domain", "path", "url"),
    [
        ("abc.execute-api.example", "/v1/payments", "abc.execute-api.example/v1"),
        ("api.example", "/payments", "api.example"),
        ("api.example", "/shop/payments", "api.example/shop"),
        ("api.example", "/shop/v2/payments/", "api.example/shop/v2"),
        ("api.example", "/payments/payments", "api.example/payments"),
    ],
)
def test_results_are_sent_where_the_domain_serves_the_api(
    monkeypatch: pytest.MonkeyPatch, domain: str, path: str, url: str
) -> None:
    monkeypatch.delenv("GATEWAY_CALLBACK_URL", raising=False)
    assert callback_url(context(domain, path)) == f"https://{url}/payments/callbacks"


@pytest.mark.parametrize("path", ["", "/elsewhere", "//evil.example/payments", "/a?b/payments"])
def test_an_odd_path_leaves_the_stage_in_the_callback_url(
    monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.delenv("GATEWAY_CALLBACK_URL", raising=False)
    assert callback_url(context("api.example", path)) == "https://api.example/v1/payments/callbacks"


def test_a_configured_callback_url_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_CALLBACK_URL", "https://proxy.example/{stage}/{apiId}{basePath}")
    assert callback_url(context("api.example", "/shop/payments")) == (
        "https://proxy.example/v1/abc/shop"
    )
