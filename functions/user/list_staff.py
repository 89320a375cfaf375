"""GET /admin/staff: an admin sees who has which scopes."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import Cursor, Limit, Scope, http_api, lambda_handler
from commerce.shared.schemas import Page
from commerce.user.staff import ListedStaffView, StaffFacade

api = http_api()


@api.get("/admin/staff")
def list_staff(limit: Limit = 20, cursor: Cursor = None) -> Page[ListedStaffView]:
    return in_transaction(StaffFacade.list, limit=limit, after=cursor)


handler = lambda_handler(api, access=Scope.ADMIN, reads_personal_data=True)
