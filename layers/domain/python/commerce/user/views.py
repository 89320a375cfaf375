"""The views of users."""

from datetime import date

from commerce.shared.schemas import View
from commerce.user.model import Gender


class UserView(View):
    """One user."""

    user_id: str
    login_id: str
    name: str
    email: str
    birth_date: date
    gender: Gender
