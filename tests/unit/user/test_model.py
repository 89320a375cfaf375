"""Users."""

from datetime import date
from uuid import UUID

from commerce.user import UserSignedUp
from commerce.user.model import User

USER_ID = UUID("0190a000-0000-7000-8000-000000000001")


def test_the_sign_up_event_carries_no_personal_data() -> None:
    user = User.signed_up(
        id_=USER_ID,
        login_id="coyote",
        password_hash="$argon2id$…",
        name="Wile",
        email="wile@example.com",
        birth_date=date(1949, 9, 17),
        gender="MALE",
        language="ko",
    )
    assert user.events == [UserSignedUp(aggregate_id=USER_ID, aggregate_version=1, user_id=USER_ID)]
    event = user.events[0].envelope()
    assert (event["source"], event["type"]) == ("commerce.user", "UserSignedUp")
    assert event["data"] == {"user_id": str(USER_ID)}
    assert user.scopes == frozenset()
    assert "argon2id" not in repr(user)
