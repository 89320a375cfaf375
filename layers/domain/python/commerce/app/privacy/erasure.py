"""The erasure of a user: the person is gone, and the books stay."""

from uuid import UUID

from commerce.app.privacy.parts import ERASED
from commerce.app.shop import Shop
from commerce.user.erasure import EraseMe, OpenOrders
from commerce.user.model import User
from commerce.user.sessions import Attempt


def erase(shop: Shop, command: EraseMe, *, user_id: UUID) -> Attempt:
    """Erase a user in one transaction, where the password is right; a wrong one is counted.

    Orders, payments and ledgers stay, under the id that leads to nobody from then on; points and
    coupons that are left lapse. Whatever the user's other requests would store is either stored
    before, and seen here, or refused with SessionEnded.

    Raises UserNotFound, StillStaff; OpenOrders with all ids.
    """
    checked = shop.erasure.check(command, user_id=user_id)
    if checked.is_right:
        # First, as an order by an offer locks its entry before it waits for an erasure.
        shop.drops.lock_entries(user_id)
    attempt, user = shop.erasure.hold(checked)
    if user is None:
        return attempt
    _forget(shop, user)
    return attempt


def erase_as_operator(shop: Shop, login_id: str) -> UUID:
    """Erase a user as `erase` does, without their password; return the id that is left.

    Raises UserNotFound, StillStaff; OpenOrders with all ids.
    """
    user_id = shop.erasure.id_of(login_id)
    shop.drops.lock_entries(user_id)
    _forget(shop, shop.erasure.hold_as_operator(user_id))
    return user_id


def _forget(shop: Shop, user: User) -> None:
    """Erase a held user."""
    orders, charges = shop.orders.open_of(user.id), shop.points.pending_of(user.id)
    if orders or charges:
        raise OpenOrders(orders, charges)
    for forget in ERASED:
        forget(shop, user.id)
    shop.erasure.forget(user)
