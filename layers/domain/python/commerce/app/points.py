"""Points that staff give and take."""

from commerce.app.shop import Shop
from commerce.app.transactions import once
from commerce.point import BalanceView, GrantPoints
from commerce.runtime.idempotency import Claim
from commerce.shared import cursor
from commerce.user import UserNotFound


def grant(key: Claim, user_id: str, command: GrantPoints, *, by: str) -> BalanceView:
    """Give a user points, or take some, once per key; see PointFacade.grant.

    Raises UserNotFound, InsufficientPoints.
    """
    return once(key, _grant, user_id, command, by=by)


def _grant(shop: Shop, user_id: str, command: GrantPoints, *, by: str) -> BalanceView:
    found = cursor.parse_id(user_id)
    if found is None:
        raise UserNotFound
    shop.users.get(found)
    return shop.points.grant(command, user_id=found, by=by)
