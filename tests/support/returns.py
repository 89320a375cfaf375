"""Returns and refunds by staff, through the functions' handlers."""

from tests.support.lambda_calls import Answer, call
from tests.support.orders import an_order, deliver, ship
from tests.support.shop import Person, a_key


def a_delivered_order(buyer: Person, admin: Person, *lines: tuple[str, int]) -> str:
    """An order that is paid with points and delivered; returns its id."""
    order_id = an_order(buyer, *lines)
    hand_over(admin, order_id)
    return order_id


def hand_over(admin: Person, order_id: str) -> None:
    """Ship and deliver a confirmed order."""
    for step in (ship, deliver):
        answer = step(admin, order_id)
        assert answer.status == 200, answer.json


def request_return(
    buyer: Person,
    order_id: str,
    *units: tuple[str, int],
    key: str | None = None,
    reason: str = "Too heavy",
) -> Answer:
    """POST /orders/{order_id}/returns: (product, quantity) each."""
    body = {
        "lines": [
            {"product_id": id_, "quantity": quantity, "reason": reason} for id_, quantity in units
        ]
    }
    path, key = f"/orders/{order_id}/returns", key or a_key()
    return call("order/request_return", "POST", path, token=buyer.token, body=body, key=key)


def a_return(buyer: Person, order_id: str, *units: tuple[str, int], **more: str) -> str:
    """A return that is requested; returns its id."""
    answer = request_return(buyer, order_id, *units, **more)
    assert answer.status == 201, answer.json
    return str(answer.json["return_id"])


def get_return(buyer: Person, return_id: str) -> Answer:
    """GET /returns/{return_id}."""
    return call("order/get_return", "GET", f"/returns/{return_id}", token=buyer.token)


def withdraw_return(buyer: Person, return_id: str, key: str | None = None) -> Answer:
    """POST /returns/{return_id}/withdrawal."""
    path = f"/returns/{return_id}/withdrawal"
    return call("order/withdraw_return", "POST", path, token=buyer.token, key=key)


def receive_return(
    admin: Person, return_id: str, *units: tuple[str, int], restock: bool = True
) -> Answer:
    """POST /admin/returns/{return_id}/receipt: (product, quantity) each."""
    body = {
        "lines": [
            {"product_id": id_, "quantity": quantity, "restock": restock} for id_, quantity in units
        ]
    }
    path = f"/admin/returns/{return_id}/receipt"
    return call("order/receive_return", "POST", path, token=admin.token, body=body)


def reject_return(admin: Person, return_id: str, reason: str = "It was worn") -> Answer:
    """POST /admin/returns/{return_id}/rejection."""
    path, body = f"/admin/returns/{return_id}/rejection", {"reason": reason}
    return call("order/reject_return", "POST", path, token=admin.token, body=body)


def refund_order(admin: Person, order_id: str, amount: int, key: str | None = None) -> Answer:
    """POST /admin/orders/{order_id}/refunds."""
    path, body = f"/admin/orders/{order_id}/refunds", {"amount": amount, "reason": "A scratch"}
    key = key or a_key()
    return call("order/refund_order", "POST", path, token=admin.token, body=body, key=key)
