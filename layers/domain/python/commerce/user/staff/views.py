"""The views of staff, and of users as staff see them."""

from pydantic import Field

from commerce.shared.schemas import Timestamp, View
from commerce.shared.scopes import Scope
from commerce.user.recipients.model import Suppression
from commerce.user.views import UserView


class StaffView(View):
    """A user with scopes."""

    user_id: str
    login_id: str
    scopes: list[Scope]
    suspended_at: Timestamp | None = Field(description="Since when the account is suspended")


class ListedStaffView(StaffView):
    """A user with scopes, in the list of all staff."""

    last_signed_in_at: Timestamp | None = Field(
        description="When the newest of the sessions that have not ended was opened"
    )


class EndedView(View):
    """The scopes that were revoked of a user, and how many of their sessions ended."""

    user_id: str
    login_id: str
    revoked: list[Scope]
    sessions_ended: int


class StaffUserView(UserView):
    """A user as staff see them."""

    created_at: Timestamp
    scopes: list[Scope]
    suspended_at: Timestamp | None = Field(description="Since when the account is suspended")
    suspension_reason: str | None
    mail_suppressed_at: Timestamp | None = Field(
        description="Since when nothing is mailed to this address"
    )
    mail_suppression: Suppression | None
