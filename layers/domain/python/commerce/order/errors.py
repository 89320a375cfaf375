"""The errors of the order context."""

from collections.abc import Mapping, Sequence
from typing import Any

from commerce.order.events import MAX_TOTAL
from commerce.shared.errors import CommerceError, Kind
from commerce.shared.money import Money


class OrderNotFound(CommerceError):
    """There is no such order."""

    kind = Kind.NOT_FOUND
    code = "ORDER_NOT_FOUND"


class NotYourOrder(CommerceError):
    """The order is somebody else's."""

    kind = Kind.FORBIDDEN
    code = "NOT_YOUR_ORDER"


class StatusChangeRefused(CommerceError):
    """The order's status does not allow this change."""

    kind = Kind.CONFLICT
    code = "ORDER_STEP_REFUSED"

    def __init__(self, status: str, but: str = "") -> None:
        super().__init__(f"The order is {status}{but}.")


class OrderNotConfirmable(StatusChangeRefused):
    """The order cannot be confirmed any more."""

    code = "ORDER_NOT_CONFIRMABLE"


class OrderNotCancellable(StatusChangeRefused):
    """The order cannot be cancelled any more, or not in part."""

    code = "ORDER_NOT_CANCELLABLE"


class NothingLeft(CommerceError):
    """The order has fewer units than are to be cancelled."""

    kind = Kind.CONFLICT
    code = "NOTHING_LEFT"

    def __init__(self, wanted: Mapping[str, int], left: Mapping[str, int]) -> None:
        super().__init__(
            "Nothing was changed; `errors` names each product with what is left of it.",
            errors=[
                {"product_id": id_, "requested": units, "left": left.get(id_, 0)}
                for id_, units in wanted.items()
                if units > left.get(id_, 0)
            ],
        )


class ReturnNotFound(CommerceError):
    """There is no such return."""

    kind = Kind.NOT_FOUND
    code = "RETURN_NOT_FOUND"


class NotYourReturn(CommerceError):
    """The return is somebody else's."""

    kind = Kind.FORBIDDEN
    code = "NOT_YOUR_RETURN"


class ReturnNotPossible(CommerceError):
    """The units cannot be returned, or the return has ended."""

    kind = Kind.CONFLICT
    code = "RETURN_NOT_POSSIBLE"

    def __init__(self, detail: str, over: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(detail, errors=over)


class RefundExceedsPaid(CommerceError):
    """Less is left of what was paid for the order than is to be refunded."""

    kind = Kind.CONFLICT
    code = "REFUND_EXCEEDS_PAID"

    def __init__(self, left: Money) -> None:
        super().__init__(
            f"Nothing was refunded: {left.amount} {left.currency} is left of what was paid.",
            facts={"left": {"amount": left.amount, "currency": left.currency}},
        )


class OrderNotShippable(StatusChangeRefused):
    """Only a confirmed order can be shipped."""

    code = "ORDER_NOT_SHIPPABLE"


class OrderNotDeliverable(StatusChangeRefused):
    """Only a shipped order can be delivered."""

    code = "ORDER_NOT_DELIVERABLE"


class OrderNotExpirable(StatusChangeRefused):
    """Only an unpaid order whose time is over can expire."""

    code = "ORDER_NOT_EXPIRABLE"


class OrderNotEditable(StatusChangeRefused):
    """The order's address cannot be changed any more."""

    code = "ORDER_NOT_EDITABLE"


class AddressRequired(CommerceError):
    """The shop needs to know where to send the goods."""

    kind = Kind.INVALID
    code = "ADDRESS_REQUIRED"

    def __init__(self) -> None:
        message = "Send an address as ship_to, or the address_id of one in your address book."
        errors = [{"field": "ship_to", "message": message, "code": "address_required"}]
        super().__init__(message, errors=errors)


class OrderNotPayable(CommerceError):
    """The order cannot be paid by card now."""

    kind = Kind.CONFLICT
    code = "ORDER_NOT_PAYABLE"


class PointsExceedTotal(CommerceError):
    """More points are offered than the order costs."""

    kind = Kind.INVALID
    code = "POINTS_EXCEED_TOTAL"

    def __init__(self, maximum: int) -> None:
        message = f"At most {maximum} points can be used."
        errors = [{"field": "points", "message": message, "code": "points_exceed_total"}]
        super().__init__(message, errors=errors)


class OrderTooLarge(CommerceError):
    """The order costs more than an order may."""

    kind = Kind.INVALID
    code = "ORDER_TOO_LARGE"

    def __init__(self) -> None:
        message = f"An order may cost {MAX_TOTAL} at most; order less at a time."
        errors = [{"field": "lines", "message": message, "code": "order_too_large"}]
        super().__init__(message, errors=errors)


class PriceChanged(CommerceError):
    """The order costs another amount than was agreed to."""

    kind = Kind.CONFLICT
    code = "PRICE_CHANGED"

    def __init__(self, total: Money) -> None:
        super().__init__(
            f"Nothing was ordered: it costs {total.amount} {total.currency} now. To agree, send"
            " `total` as `expected_total`, under a new Idempotency-Key.",
            facts={"total": {"amount": total.amount, "currency": total.currency}},
        )


class PurchaseLimitExceeded(CommerceError):
    """One buyer may have only so many units of the product."""

    kind = Kind.CONFLICT
    code = "PURCHASE_LIMIT"

    def __init__(self, over: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(
            "Nothing was ordered; `errors` names each product with its limit and what you have.",
            errors=over,
            facts=over[0],
        )


class TooManyUnpaidOrders(CommerceError):
    """A buyer may have only so many unpaid orders."""

    kind = Kind.CONFLICT
    code = "TOO_MANY_UNPAID_ORDERS"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"Pay or cancel one of your {limit} unpaid orders first.", facts={"limit": limit}
        )


class HoldCooldown(CommerceError):
    """Too many orders ended unpaid within an hour."""

    kind = Kind.CONFLICT
    code = "HOLD_COOLDOWN"

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(
            "Order again later, or pay with points at once.",
            retry_after_seconds=retry_after_seconds,
        )
