"""Staff: users with scopes, and what they may do to other accounts."""

from commerce.user.staff.commands import SetScopes, SuspendUser
from commerce.user.staff.errors import BootstrapUsed, LastAdmin, OwnAccount
from commerce.user.staff.facade import StaffFacade
from commerce.user.staff.repository import StaffRepository
from commerce.user.staff.views import ListedStaffView, StaffUserView, StaffView

__all__ = [
    "BootstrapUsed", "LastAdmin", "ListedStaffView", "OwnAccount", "SetScopes", "StaffFacade",
    "StaffRepository", "StaffUserView", "StaffView", "SuspendUser",
]  # fmt: skip
