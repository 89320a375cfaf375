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


class CardRequired(CommerceError):
    """The request does not name one card."""

    kind = Kind.INVALID
    code = "CARD_REQUIRED"

    def __init__(self) -> None:
        message = "Send card_type, and either payment_token or, where it is accepted, card_no."
        errors = [{"field": "payment_token", "message": message, "code": "card_required"}]
        super().__init__(message, errors=errors)


class CardNotNeeded(CommerceError):
    """This shop charges no card for points."""

    kind = Kind.INVALID
    code = "CARD_NOT_NEEDED"
    default_detail = "Nothing was charged; send the amount alone."


class RawCardsRefused(CommerceError):
    """Card numbers are not accepted here."""

    kind = Kind.INVALID
    code = "RAW_CARDS_REFUSED"

    def __init__(self) -> None:
        message = "Have the payment gateway make a token of the card, and send payment_token."
        errors = [{"field": "card_no", "message": message, "code": "raw_cards_refused"}]
        super().__init__(message, errors=errors)


class TokenUsed(CommerceError):
    """The token was used already, has expired, or is not the gateway's."""

    kind = Kind.CONFLICT
    code = "TOKEN_USED"
    default_detail = "Nothing was charged; get a new token, and send it under a new key."


class TooManyDeclines(CommerceError):
    """Too many payments were declined today."""

    kind = Kind.TOO_MANY
    code = "TOO_MANY_DECLINES"


class TooManyCards(CommerceError):
    """Too many different cards were tried today."""

    kind = Kind.TOO_MANY
    code = "TOO_MANY_CARDS"
