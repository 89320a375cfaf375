"""POST /admin/users/{user_id}/sessions/end: an admin ends all of a user's sessions."""

from aws_lambda_powertools.event_handler import Response

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler, no_content
from commerce.user import UserNotFound
from commerce.user.staff import StaffFacade

api = http_api()


@api.post("/admin/users/<user_id>/sessions/end")
def end_sessions_of_user(user_id: str, staff: Staff) -> Response[None]:
    in_transaction(StaffFacade.end_sessions, user_id, by=staff.by, actor=staff.account_id)
    return no_content()


handler = lambda_handler(api, access=Scope.ADMIN, success=(204,), refusals=(UserNotFound,))
