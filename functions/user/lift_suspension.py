"""DELETE /admin/users/{user_id}/suspension: an admin lets a suspended user sign in again."""

from aws_lambda_powertools.event_handler import Response

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler, no_content
from commerce.user import UserNotFound
from commerce.user.staff import StaffFacade

api = http_api()


@api.delete("/admin/users/<user_id>/suspension")
def lift_suspension(user_id: str, staff: Staff) -> Response[None]:
    in_transaction(StaffFacade.lift_suspension, user_id, by=staff.by, actor=staff.account_id)
    return no_content()


handler = lambda_handler(api, access=Scope.ADMIN, success=(204,), refusals=(UserNotFound,))
