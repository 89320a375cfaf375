"""Erasure: what the user context keeps about somebody, and how it is forgotten."""

from commerce.user.erasure.commands import EraseMe
from commerce.user.erasure.errors import OpenOrders, StillStaff
from commerce.user.erasure.facade import ErasureFacade
from commerce.user.erasure.repository import ErasureRepository
from commerce.user.erasure.views import AccountView

__all__ = [
    "AccountView", "EraseMe", "ErasureFacade", "ErasureRepository", "OpenOrders", "StillStaff",
]  # fmt: skip
