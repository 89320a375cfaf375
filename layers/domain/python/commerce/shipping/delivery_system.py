"""The client of the external delivery system."""

import json
from collections.abc import Callable
from typing import Protocol

import urllib3

from commerce.runtime.deadline import left_seconds
from commerce.shared import clock
from commerce.shared.events import plain
from commerce.shared.signature import SignatureHeaders
from commerce.shipping.errors import DeliverySystemFailed
from commerce.shipping.model import ShipmentNotice

CONNECT_SECONDS = 1.0
READ_SECONDS = 3.0
NOTICE_HEADERS = SignatureHeaders("X-Lastunit-Timestamp", "X-Lastunit-Signature")


class DeliverySystem(Protocol):
    """The system that takes the goods to the buyers."""

    def send(self, notice: ShipmentNotice) -> None:
        """Send a notice; sending it again is harmless. Raises DeliverySystemFailed."""


class HttpDeliverySystem:
    """`POST {url}/notices`; the order id, as idempotency key, kind and version identify a notice.

    Each try is signed anew, with the secret that `secret` returns at the time.
    """

    def __init__(self, url: str, secret: Callable[[], str]) -> None:
        self._url = url.rstrip("/")
        self._secret = secret
        self._http = urllib3.PoolManager(retries=False)

    def send(self, notice: ShipmentNotice) -> None:
        """Post the notice; 200 and 201 mean that it was taken."""
        content = {
            "order_id": str(notice.order_id),
            "kind": notice.kind.value,
            "version": notice.content.version,
            "lines": plain(notice.content.lines),
            "ship_to": ship_to.model_dump() if (ship_to := notice.content.ship_to) else None,
        }
        body = json.dumps(content, ensure_ascii=False).encode()
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": str(notice.order_id),
            **NOTICE_HEADERS.signed(body, self._secret(), clock.now()),
        }
        left = left_seconds(CONNECT_SECONDS + READ_SECONDS)
        if not left:
            raise DeliverySystemFailed("There was no time left to ask it.")
        timeout = urllib3.Timeout(left, CONNECT_SECONDS, READ_SECONDS)
        try:
            answer = self._http.request(
                "POST", f"{self._url}/notices", body=body, headers=headers, timeout=timeout
            )
        except urllib3.exceptions.HTTPError as error:
            raise DeliverySystemFailed(f"It did not answer: {type(error).__name__}.") from error
        if answer.status not in (200, 201):
            raise DeliverySystemFailed(f"It answered {answer.status}.")
