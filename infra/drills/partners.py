"""The shop's partners for a drill: a gateway, a delivery system, and a bus with its consumers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from infra.drills.frame import Refused, answered, environment

SHIPS = frozenset({"OrderConfirmed", "OrderAddressChanged", "OrderCancelled"})


@dataclass(frozen=True, slots=True)
class Partners:
    """Everything outside of the shop's database, and outlives it."""

    gateway: Any
    delivery: Any
    bus: Any

    def relay(self) -> list[Mapping[str, Any]]:
        """Publish what waits in the outbox; returns the envelopes that reached the bus."""
        from tests.support.lambda_calls import function, lambda_context

        function("outbox/every_minute_relay")({}, lambda_context(60))
        found: list[Mapping[str, Any]] = self.bus.received()
        return found

    def consume(self, name: str, envelopes: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Hand events to a function in batches of ten; returns those that it is sent again."""
        from tests.support.lambda_calls import bus_message, function, lambda_context, sqs_event

        again = list[Mapping[str, Any]]()
        for start in range(0, len(envelopes), 10):
            batch = envelopes[start : start + 10]
            event = sqs_event(*map(bus_message, batch))
            answer = function(name)(event, lambda_context(60))
            failed = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
            ids = [each["messageId"] for each in event["Records"]]
            again += [each for id_, each in zip(ids, batch, strict=True) if id_ in failed]
        return again

    def ship(self, envelopes: Iterable[Mapping[str, Any]]) -> None:
        """Hand events to the shipping functions. Raises Refused where one fails."""
        from tests.support.shipping import consume

        for each in envelopes:
            if each["type"] in SHIPS and not consume(each):
                raise Refused(f"the notice of {each['type']} {each['id']} failed")


@contextmanager
def partners() -> Iterator[Partners]:
    """Serve them, and lead the functions to them, while the block lasts."""
    from tests.support.bus import an_observed_bus
    from tests.support.delivery import a_delivery_system
    from tests.support.gateway import a_gateway
    from tests.support.payments import callbacks_received
    from tests.support.queues import an_ops_topic
    from tests.support.valkey import forget_breaker

    forget_breaker()
    with ExitStack() as stack:
        gateway = stack.enter_context(a_gateway("healthy"))
        delivery = stack.enter_context(a_delivery_system())
        bus = an_observed_bus()
        stack.enter_context(
            environment(
                GATEWAY_URL=gateway.url,
                GATEWAY_SECRET=gateway.secret,
                GATEWAY_CALLBACK_URL=stack.enter_context(callbacks_received()),
                PAYMENT_RECONCILE_AFTER_SECONDS="0",
                SHIPPING_RETRY_BASE_SECONDS="0",
                DELIVERY_URL=delivery.url,
                DELIVERY_SECRET=delivery.secret,
                EVENT_BUS_NAME=bus.name,
                OPS_TOPIC_ARN=an_ops_topic().arn,
            )
        )
        yield Partners(gateway, delivery, bus)


@contextmanager
def database_of(url: str) -> Iterator[None]:
    """Lead this thread's functions to another database while the block lasts."""
    from commerce.runtime.db.current import database

    with environment(DATABASE_URL=url):
        database().close()
        try:
            yield
        finally:
            database().close()


def paid_by_card(product: str, buyer: Any) -> str:
    """Place an order of one unit, charge its card and confirm it; returns its id."""
    from tests.support.payments import follow, pay, place_by_card, settled

    order_id = str(answered(place_by_card(buyer, (product, 1)), 201)["order_id"])
    answered(pay(buyer, order_id), 201)
    settled(order_id, "SUCCEEDED")
    follow(order_id)
    return order_id
