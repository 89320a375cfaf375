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
