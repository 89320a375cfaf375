"""Drops: a limited number of units, sold in an order that nobody could choose."""

from commerce.drop.commands import (
    AddUnits,
    CancelDrop,
    CreateDrop,
    Disqualify,
    EditDrop,
    EnterDrop,
    PublicState,
)
from commerce.drop.errors import (
    DropClosed,
    DropLocked,
    DropNotClosed,
    DropNotFound,
    DropNotOpen,
    DropNotSealed,
    DropOnly,
    DropOverlaps,
    DropSealed,
    EntryFinished,
    EntryNotFound,
    EntryOrdered,
    LotNotFound,
    NotEligible,
    NotTheOffer,
    NotYourEntry,
    OfferNotValid,
    PersonAlreadyEntered,
    UnitsPromised,
)
from commerce.drop.facade import DropFacade, Offer
from commerce.drop.model import QUICKNET, SIMULATED, Drop, round_time
from commerce.drop.promotion import Draw, DropPromotion, Step
from commerce.drop.repository import DropRepository
from commerce.drop.views import DropView, EntryView, ProofView, ReportView, StaffDropView

__all__ = [
    "QUICKNET", "SIMULATED", "AddUnits", "CancelDrop", "CreateDrop", "Disqualify", "Draw", "Drop",
    "DropClosed", "DropFacade", "DropLocked", "DropNotClosed", "DropNotFound", "DropNotOpen",
    "DropNotSealed", "DropOnly", "DropOverlaps", "DropPromotion", "DropRepository",
    "DropSealed", "DropView", "EditDrop", "EnterDrop", "EntryFinished", "EntryNotFound",
    "EntryOrdered", "EntryView", "LotNotFound", "NotEligible", "NotTheOffer", "NotYourEntry",
    "Offer", "OfferNotValid", "PersonAlreadyEntered", "ProofView", "PublicState", "ReportView",
    "StaffDropView", "Step", "UnitsPromised", "round_time",
]  # fmt: skip
