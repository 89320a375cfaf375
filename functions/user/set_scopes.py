"""PUT /admin/staff/{user_id}: an admin grants a user scopes, and revokes those not named."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler
from commerce.user import UserNotFound
from commerce.user.staff import BootstrapUsed, LastAdmin, SetScopes, StaffFacade, StaffView

api = http_api()


@api.put("/admin/staff/<user_id>")
def set_scopes(user_id: str, command: SetScopes, staff: Staff) -> StaffView:
    use_case = StaffFacade.bootstrap if staff.is_bootstrap else StaffFacade.set_scopes
    return in_transaction(use_case, user_id, command, by=staff.by, actor=staff.account_id)


handler = lambda_handler(
    api,
    access=Scope.ADMIN,
    people_only=True,
    bootstraps=True,
    refusals=(UserNotFound, BootstrapUsed, LastAdmin),
)
