"""Addresses: as callers send them, and the calls about them."""

from typing import Any

from commerce.shared.postal import ShipTo
from tests.support.lambda_calls import Answer, call
from tests.support.shop import Person

BOOK = "/users/me/addresses"


def an_address(**changes: Any) -> dict[str, Any]:
    """Return an address in Seoul, as a request has it; None leaves a field out."""
    address = {
        "recipient": "Wile E. Coyote",
        "phone": "+82 10-1234-5678",
        "line1": "1 Canyon Road",
        "city": "Seoul",
        "country": "KR",
        "postal_code": "04524",
        **changes,
    }
    return {name: value for name, value in address.items() if value is not None}


AN_ADDRESS = ShipTo.model_validate(an_address()).address


def shown(address: dict[str, Any]) -> dict[str, Any]:
    """Return an address as answers show it: what it lacks is null."""
    return {**dict.fromkeys(type(AN_ADDRESS).model_fields), **address}


def add_address(user: Person, **changes: Any) -> Answer:
    """POST /users/me/addresses."""
    return call("user/add_address", "POST", BOOK, body=an_address(**changes), token=user.token)


def list_addresses(user: Person) -> list[dict[str, Any]]:
    """GET /users/me/addresses; return the items."""
    answer = call("user/list_addresses", "GET", BOOK, token=user.token)
    assert answer.status == 200, answer.json
    items: list[dict[str, Any]] = answer.json["items"]
    return items


def edit_address(user: Person, address_id: str, **changes: Any) -> Answer:
    """PATCH /users/me/addresses/{address_id}."""
    path = f"{BOOK}/{address_id}"
    return call("user/edit_address", "PATCH", path, body=changes, token=user.token)


def delete_address(user: Person, address_id: str) -> Answer:
    """DELETE /users/me/addresses/{address_id}."""
    return call("user/delete_address", "DELETE", f"{BOOK}/{address_id}", token=user.token)


def change_address(user: Person, order_id: str, **changes: Any) -> Answer:
    """PUT /orders/{order_id}/address."""
    path = f"/orders/{order_id}/address"
    body = an_address(**changes)
    return call("order/change_address", "PUT", path, body=body, token=user.token)
