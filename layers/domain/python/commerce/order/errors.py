"""Why the order context refuses."""

from commerce.shared.errors import CommerceError, Kind


class OrderNotFound(CommerceError):
    """There is no such order."""

    kind = Kind.NOT_FOUND
    code = "ORDER_NOT_FOUND"


class NotYourOrder(CommerceError):
    """The order is somebody else's."""

    kind = Kind.FORBIDDEN
    code = "NOT_YOUR_ORDER"


class _Refused(CommerceError):
    kind = Kind.CONFLICT

    def __init__(self, status: str) -> None:
        super().__init__(f"The order is {status}.")


class OrderNotConfirmable(_Refused):
    """The order cannot be confirmed any more."""

    code = "ORDER_NOT_CONFIRMABLE"


class OrderNotCancellable(_Refused):
    """The order cannot be cancelled any more."""

    code = "ORDER_NOT_CANCELLABLE"


class OrderNotShippable(_Refused):
    """Only a confirmed order can be shipped."""

    code = "ORDER_NOT_SHIPPABLE"


class OrderNotDeliverable(_Refused):
    """Only a shipped order can be delivered."""

    code = "ORDER_NOT_DELIVERABLE"


class OrderNotExpirable(_Refused):
    """Only an unpaid order whose time is over expires."""

    code = "ORDER_NOT_EXPIRABLE"
