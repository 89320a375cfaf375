"""DELETE /admin/staff/{user_id}: an admin revokes all scopes of a user."""

from aws_lambda_powertools.event_handler import Response

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler, no_content
from commerce.user import UserNotFound
from commerce.user.staff import LastAdmin, StaffFacade

api = http_api()


@api.delete("/admin/staff/<user_id>")
def revoke_scopes(user_id: str, staff: Staff) -> Response[None]:
    in_transaction(StaffFacade.revoke, user_id, by=staff.by, actor=staff.account_id)
    return no_content()


handler = lambda_handler(
    api,
    access=Scope.ADMIN,
    people_only=True,
    success=(204,),
    refusals=(UserNotFound, LastAdmin),
)
