"""What the payment gateway and the delivery system know, asked from outside."""

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
