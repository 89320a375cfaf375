"""Events for the shipping functions."""

from collections.abc import Mapping
from typing import Any

from tests.support.addresses import an_address, change_address
from tests.support.lambda_calls import bus_message, function, lambda_context, sqs_event
from tests.support.orders import an_order, cancel, events_of, place
from tests.support.shop import Person, a_product

FUNCTIONS = {
    "OrderConfirmed": "shipping/on_order_confirmed",
    "OrderAddressChanged": "shipping/on_order_address_changed",
    "OrderCancelled": "shipping/on_order_cancelled",
    "OrderLinesCancelled": "shipping/on_order_cancelled",
}


KINDS = {
    "OrderConfirmed": "ORDER",
    "OrderAddressChanged": "UPDATE",
    "OrderCancelled": "WITHDRAWAL",
    "OrderLinesCancelled": "UPDATE",
}


def event_of(order_id: str, type_: str) -> Mapping[str, Any]:
    """Return the order's one event of this type."""
    [found] = [event for event in events_of(order_id) if event["type"] == type_]
    return found


def consume(event: Mapping[str, Any], *, receive_count: int = 1) -> bool:
    """Hand the event to its function; return whether it succeeded."""
    message = sqs_event(bus_message(event), receive_count=receive_count)
    answer = function(FUNCTIONS[event["type"]])(message, lambda_context())
    return not answer["batchItemFailures"]


def a_cancelled_order(buyer: Person) -> tuple[str, Mapping[str, Any], Mapping[str, Any]]:
    """Cancel a new order; return its id, its OrderConfirmed and its OrderCancelled."""
    order_id = an_order(buyer, (a_product(stock=5, price=100), 2))
    assert cancel(buyer, order_id).status == 200
    return order_id, event_of(order_id, "OrderConfirmed"), event_of(order_id, "OrderCancelled")


def a_partly_cancelled_order(buyer: Person) -> tuple[str, Mapping[str, Any]]:
    """Cancel a unit of a new order that was sent; return its id and its OrderLinesCancelled."""
    product = a_product(stock=5, price=100)
    order_id = an_order(buyer, (product, 2))
    assert consume(event_of(order_id, "OrderConfirmed"))
    body = {"lines": [{"product_id": product, "quantity": 1}]}
    assert cancel(buyer, order_id, body=body).status == 200
    return order_id, event_of(order_id, "OrderLinesCancelled")


def a_changed_order(
    buyer: Person, *, is_sent: bool = False
) -> tuple[str, Mapping[str, Any], Mapping[str, Any]]:
    """Change the address of an order that was placed, or sent; return its id and both events."""
    answer = place(buyer, (a_product(stock=5, price=100), 2), ship_to=an_address())
    order_id = str(answer.json["order_id"])
    if is_sent:
        assert consume(event_of(order_id, "OrderConfirmed"))
    assert change_address(buyer, order_id, line1="2 Mesa Road").status == 200
    return order_id, event_of(order_id, "OrderConfirmed"), event_of(order_id, "OrderAddressChanged")
