"""Processes that kill themselves (SIGKILL) at one exact step, given as the first argument."""

import os
import signal
import sys
from collections.abc import Callable, Sequence

from commerce.bootstrap import database, in_transaction
from commerce.shared.bus import Bus, Envelope, EventBridgeBus
from commerce.shared.relay import Relay
from commerce.shipping import HttpDeliverySystem, NoticeKind, NoticeLine, ShipmentNotice
from tests.support.lambda_calls import call


def die() -> None:
    """End as a function does whose machine is taken away: no goodbye, no rollback, no flush."""
    os.kill(os.getpid(), signal.SIGKILL)


class BusThenDeath:
    """The real bus, which takes one batch before the process dies."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def put(self, envelopes: Sequence[Envelope]) -> list[str | None]:
        """Put, and die before anybody can mark what was put."""
        self._bus.put(envelopes)
        die()
        return []


def relay_between_put_and_mark() -> None:
    """Die when the bus has the events and the outbox does not know it yet."""
    Relay(database(), BusThenDeath(EventBridgeBus())).run()


def relay_before_put() -> None:
    """Die with the rows locked and nothing put."""

    class Death:
        def put(self, envelopes: Sequence[Envelope]) -> list[str | None]:
            die()
            return []

    Relay(database(), Death()).run()


def shipping_between_send_and_record() -> None:
    """Die when the delivery system has the notice and we have not written it down."""
    order_id, product_id = sys.argv[2:4]
    from uuid import UUID

    notice = ShipmentNotice(
        UUID(order_id), NoticeKind.ORDER, (NoticeLine(UUID(product_id), "Anvil", 1),)
    )
    HttpDeliverySystem(os.environ["DELIVERY_URL"]).send(notice)
    die()


def order_before_commit() -> None:
    """Die when everything is decided and nothing is sent."""
    from uuid import UUID

    from commerce.order import PlaceOrder

    user_id, product_id = sys.argv[2:4]

    def place_and_die(shop: object) -> None:
        command = PlaceOrder.model_validate(
            {"lines": [{"product_id": product_id, "quantity": 1}], "payment_method": "POINT"}
        )
        shop.orders.place(command, buyer_id=UUID(user_id))  # type: ignore[attr-defined]
        die()

    in_transaction(place_and_die)


def order_between_commit_and_answer() -> None:
    """Die when the order is committed and nobody was told: the nudge and the answer are lost."""
    product_id, token, key = sys.argv[2:5]
    from commerce import bootstrap

    bootstrap._nudge_the_relay = die
    body = {"lines": [{"product_id": product_id, "quantity": 1}], "payment_method": "POINT"}
    call("order/place_order", "POST", "/orders", body=body, token=token, key=key)


STEPS: dict[str, Callable[[], None]] = {
    each.__name__: each
    for each in (
        relay_between_put_and_mark,
        relay_before_put,
        shipping_between_send_and_record,
        order_before_commit,
        order_between_commit_and_answer,
    )
}

if __name__ == "__main__":
    STEPS[sys.argv[1]]()
    sys.exit("the victim survived")
