"""POST /admin/users/{user_id}/points: staff give a user points, or take some."""

from commerce.app import points
from commerce.entrypoints.http import RequestKey, Scope, Staff, http_api, lambda_handler
from commerce.point import BalanceView, GrantPoints, InsufficientPoints
from commerce.user import UserNotFound

api = http_api()


@api.post("/admin/users/<user_id>/points")
def grant_points(
    user_id: str, command: GrantPoints, staff: Staff, key: RequestKey
) -> tuple[BalanceView, int]:
    return points.grant(key, user_id, command, by=staff.by), 201


handler = lambda_handler(
    api,
    access=Scope.REFUNDS,
    idempotent=True,
    success=(201,),
    refusals=(UserNotFound, InsufficientPoints),
)
