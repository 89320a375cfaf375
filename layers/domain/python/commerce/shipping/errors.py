"""The errors of the shipping context."""

from commerce.shared.errors import CommerceError, Kind


class DeliverySystemFailed(CommerceError):
    """The delivery system did not take the notice."""

    kind = Kind.UNAVAILABLE
    code = "DELIVERY_SYSTEM_FAILED"
