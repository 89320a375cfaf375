"""POST /admin/users/{user_id}/points: an admin gives a user points, or takes some."""

from commerce.app import points
from commerce.entrypoints.http import ADMIN, Admin, RequestKey, http_api, lambda_handler
from commerce.point import BalanceView, GrantPoints, InsufficientPoints
from commerce.user import UserNotFound

api = http_api()


@api.post("/admin/users/<user_id>/points")
def grant_points(
    user_id: str, command: GrantPoints, admin: Admin, key: RequestKey
) -> tuple[BalanceView, int]:
    return points.grant(key, user_id, command, by=admin.by), 201


handler = lambda_handler(
    api,
    access=ADMIN,
    idempotent=True,
    success=(201,),
    refusals=(UserNotFound, InsufficientPoints),
)
