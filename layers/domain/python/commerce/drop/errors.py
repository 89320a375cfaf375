"""The errors of the drop context."""

from datetime import datetime
from uuid import UUID

from commerce.shared import clock
from commerce.shared.errors import CommerceError, Kind


class DropNotFound(CommerceError):
    """There is no such drop."""

    kind = Kind.NOT_FOUND
    code = "DROP_NOT_FOUND"


class EntryNotFound(CommerceError):
    """You have no entry in this drop."""

    kind = Kind.NOT_FOUND
    code = "ENTRY_NOT_FOUND"


class DropNotOpen(CommerceError):
    """The drop takes no entries yet."""

    kind = Kind.CONFLICT
    code = "DROP_NOT_OPEN"


class DropSealed(CommerceError):
    """A lottery takes no entries after its draw."""

    kind = Kind.CONFLICT
    code = "DROP_SEALED"


class DropClosed(CommerceError):
    """The drop is over."""

    kind = Kind.CONFLICT
    code = "DROP_CLOSED"


class DropNotClosed(CommerceError):
    """The report is made when the drop is closed."""

    kind = Kind.CONFLICT
    code = "NOT_CLOSED"


class DropNotSealed(CommerceError):
    """The proof begins with the seal."""

    kind = Kind.CONFLICT
    code = "NOT_SEALED"


class NotEligible(CommerceError):
    """The terms of the drop do not admit this account."""

    kind = Kind.CONFLICT
    code = "NOT_ELIGIBLE"

    def __init__(self, reason: str) -> None:
        super().__init__(facts={"reason": reason})


class PersonAlreadyEntered(CommerceError):
    """The same person has an entry with another account."""

    kind = Kind.CONFLICT
    code = "PERSON_ALREADY_ENTERED"


class LotNotFound(CommerceError):
    """The drop has no lot of this product; name one where it has several."""

    kind = Kind.INVALID
    code = "LOT_NOT_FOUND"


class EntryFinished(CommerceError):
    """The entry has ended, and a person enters once."""

    kind = Kind.CONFLICT
    code = "ENTRY_FINISHED"


class EntryOrdered(CommerceError):
    """The entry has an order; cancel that instead."""

    kind = Kind.CONFLICT
    code = "ENTRY_ORDERED"


class NotYourEntry(CommerceError):
    """The entry is another user's."""

    kind = Kind.FORBIDDEN
    code = "NOT_YOUR_ENTRY"


class OfferNotValid(CommerceError):
    """The entry has no offer that can be used now."""

    kind = Kind.CONFLICT
    code = "OFFER_NOT_VALID"

    def __init__(
        self, status: str, claim_until: datetime | None, *, drop_id: UUID | None = None
    ) -> None:
        self.drop_id = drop_id
        until = clock.rfc3339(claim_until) if claim_until else None
        super().__init__(facts={"entry_status": status, "claim_until": until})


class NotTheOffer(CommerceError):
    """An order with a drop's entry has one line: one unit of the lot's product."""

    kind = Kind.INVALID
    code = "NOT_THE_OFFER"

    def __init__(self) -> None:
        message = "Must be the product that the drop offers."
        super().__init__(
            message, errors=[{"field": "lines", "message": message, "code": self.code.lower()}]
        )


class DropOnly(CommerceError):
    """The product is sold through its drop alone."""

    kind = Kind.CONFLICT
    code = "DROP_ONLY"

    def __init__(self, drop_id: UUID) -> None:
        self.drop_id: UUID | None = drop_id
        super().__init__(facts={"drop_id": str(drop_id)})


class DropOverlaps(CommerceError):
    """Another drop sells one of these products at that time."""

    kind = Kind.CONFLICT
    code = "DROP_OVERLAPS"


class UnitsPromised(CommerceError):
    """A published drop sells at least the units of its terms; they can only be added to."""

    kind = Kind.CONFLICT
    code = "UNITS_PROMISED"

    def __init__(self, product_id: UUID, *, promised: int, requested: int) -> None:
        super().__init__(
            facts={"product_id": str(product_id), "promised": promised, "requested": requested}
        )


class DropLocked(CommerceError):
    """Entrants rely on this: it cannot be changed any more."""

    kind = Kind.CONFLICT
    code = "DROP_LOCKED"
