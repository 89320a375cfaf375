"""The errors of the payment context."""

from commerce.shared.errors import CommerceError, Kind


class PaymentNotFound(CommerceError):
    """There is no such payment."""

    kind = Kind.NOT_FOUND
    code = "PAYMENT_NOT_FOUND"


class NotYourPayment(CommerceError):
    """The payment is somebody else's."""

    kind = Kind.FORBIDDEN
    code = "NOT_YOUR_PAYMENT"


class PaymentUnderWay(CommerceError):
    """The order has a payment already."""

    kind = Kind.CONFLICT
    code = "PAYMENT_UNDER_WAY"


class DeclinedTooOften(CommerceError):
    """So many cards were declined that the order ends."""

    kind = Kind.CONFLICT
    code = "DECLINED_TOO_OFTEN"


class AmountDiffers(CommerceError):
    """The gateway reports another amount than was to be paid."""

    kind = Kind.CONFLICT
    code = "AMOUNT_DIFFERS"
