"""The views of what is kept."""

from datetime import date, datetime

from commerce.shared.languages import Language
from commerce.shared.schemas import View
from commerce.user.model import Gender
from commerce.user.recipients.model import Suppression


class AccountView(View):
    """An account, as its owner may see it."""

    user_id: str
    login_id: str
    name: str
    email: str
    email_verified_at: datetime | None
    birth_date: date
    gender: Gender
    language: Language
    scopes: list[str]
    created_at: datetime
    suspended_at: datetime | None
    suspension_reason: str | None
    mail_suppressed_at: datetime | None
    mail_suppression: Suppression | None
