"""The parts of what is kept about a user, one line for each list of a context's.

A context that keeps something new about users adds a line, and a row in docs/privacy.md.
"""

from collections.abc import Callable
from typing import Any, TypeAlias
from uuid import UUID

from commerce.app.shop import Shop
from commerce.runtime.tokens import Identity
from commerce.shared.schemas import Page

Read: TypeAlias = Callable[[Shop, UUID, int, str | None], Page[Any]]
"""Returns a page of what is kept about a user: at most so many items, after a cursor."""

EXPORTED: dict[str, Read] = {
    "account": lambda shop, user, _limit, _after: shop.erasure.account(user),
    "addresses": lambda shop, user, _limit, _after: shop.address_book.list(user),
    "sessions": lambda shop, user, _limit, _after: shop.sessions.list(identity=Identity(user)),
    "mails": lambda shop, user, limit, after: shop.mail_tokens.mails(
        user, limit=limit, after=after
    ),
    "orders": lambda shop, user, limit, after: shop.orders.details(
        buyer_id=user, limit=limit, after=after
    ),
    "payments": lambda shop, user, limit, after: shop.payments.payments(
        user, limit=limit, after=after
    ),
    "point_charges": lambda shop, user, limit, after: shop.points.charges(
        user, limit=limit, after=after
    ),
    "point_entries": lambda shop, user, limit, after: shop.points.entries(
        user, limit=limit, after=after
    ),
    "coupons": lambda shop, user, limit, after: shop.coupons.list(
        user_id=user, status=None, limit=limit, after=after
    ),
    "likes": lambda shop, user, limit, after: shop.likes.newest_of(user, limit=limit, after=after),
    "drop_entries": lambda shop, user, limit, after: shop.drops.entries(
        user, limit=limit, after=after
    ),
}
"""The sections of an export by name, in their order."""

ERASED: tuple[Callable[[Shop, UUID], None], ...] = (
    lambda shop, user: shop.address_book.erase_user(user),
    lambda shop, user: shop.orders.erase_user(user),
    lambda shop, user: shop.payments.erase_user(user),
    lambda shop, user: shop.likes.erase_user(user),
    lambda shop, user: shop.drops.erase_user(user),
)
"""Deletes each context's part; the user context's own is deleted by `ErasureFacade.forget`."""
