"""GET /admin/users: staff find a user by login id or email, exactly."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import Scope, Staff, ValidationFailed, http_api, lambda_handler
from commerce.shared.schemas import Page, line
from commerce.user.staff import StaffFacade, StaffUserView

Word = Annotated[str, line(254)]

api = http_api()


@api.get("/admin/users")
def find_users(
    staff: Staff,
    login_id: Annotated[Word | None, Query(description="In any case")] = None,
    email: Annotated[Word | None, Query(description="In any case")] = None,
) -> Page[StaffUserView]:
    if login_id is None and email is None:
        raise ValidationFailed("Send login_id or email.")
    return in_transaction(StaffFacade.find, login_id=login_id, email=email, by=staff.by)


handler = lambda_handler(api, access=Scope.USERS_READ, reads_personal_data=True)
