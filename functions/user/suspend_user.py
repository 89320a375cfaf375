"""POST /admin/users/{user_id}/suspension: an admin suspends a user, whose sessions end."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler
from commerce.user import UserNotFound
from commerce.user.staff import OwnAccount, StaffFacade, StaffView, SuspendUser

api = http_api()


@api.post("/admin/users/<user_id>/suspension")
def suspend_user(user_id: str, command: SuspendUser, staff: Staff) -> StaffView:
    return in_transaction(
        StaffFacade.suspend, user_id, command, by=staff.by, actor=staff.account_id
    )


handler = lambda_handler(api, access=Scope.ADMIN, refusals=(UserNotFound, OwnAccount))
