"""GET /admin/users/{user_id}: staff see a user."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import Scope, http_api, lambda_handler
from commerce.user import UserNotFound
from commerce.user.staff import StaffFacade, StaffUserView

api = http_api()


@api.get("/admin/users/<user_id>")
def get_user(user_id: str) -> StaffUserView:
    return in_transaction(StaffFacade.get, user_id)


handler = lambda_handler(
    api, access=Scope.USERS_READ, reads_personal_data=True, refusals=(UserNotFound,)
)
