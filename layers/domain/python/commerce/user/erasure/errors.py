"""The refusals of erasure."""

from collections.abc import Iterable
from uuid import UUID

from commerce.shared.errors import CommerceError, Kind


class OpenOrders(CommerceError):
    """You have orders or charges that have not ended."""

    kind = Kind.CONFLICT
    code = "OPEN_ORDERS"

    def __init__(self, order_ids: Iterable[UUID], charge_ids: Iterable[UUID]) -> None:
        super().__init__(
            "Wait until the orders are delivered and the charges paid, or cancel the orders.",
            facts={
                "order_ids": [str(each) for each in order_ids],
                "charge_ids": [str(each) for each in charge_ids],
            },
        )


class StillStaff(CommerceError):
    """Your account has scopes of staff."""

    kind = Kind.CONFLICT
    code = "STILL_STAFF"
    default_detail = "Have an admin revoke them first."
