"""Read the state of the payment gateway and of the delivery system."""

import json
import os
from typing import Any
from urllib.parse import quote

import urllib3


def transactions(order_id: str) -> list[dict[str, Any]]:
    """The gateway's payments of an order, oldest first."""
    return _items(f"{os.environ['GATEWAY_URL']}/transactions?orderId={quote(order_id)}")


def notices(order_id: str) -> list[str]:
    """The kinds of an order's notices at the delivery system, as they were received."""
    found = _items(f"{os.environ['DELIVERY_URL']}/notices?order_id={quote(order_id)}")
    return [each["kind"] for each in found]


def _items(url: str) -> list[dict[str, Any]]:
    with urllib3.PoolManager(retries=False, timeout=10) as http:
        answer = http.request("GET", url)
    if answer.status != 200:
        raise RuntimeError(f"{url}: {answer.status} {answer.data!r}")
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def let_the_next_card_be_declined() -> None:
    """The gateway takes the next payment, and its result is that the limit is exceeded."""
    behave(
        os.environ["GATEWAY_URL"],
        {"mode": "lose_callback", "times": 1, "result": "LIMIT_EXCEEDED"},
    )


def behave(url: str, behaviour: dict[str, Any]) -> None:
    """Tell a simulator how to behave from now on."""
    with urllib3.PoolManager(retries=False, timeout=10) as http:
        answer = http.request("PUT", f"{url}/behaviour", body=json.dumps(behaviour))
    if answer.status != 200:
        raise RuntimeError(f"{url}: {answer.status} {answer.data!r}")
