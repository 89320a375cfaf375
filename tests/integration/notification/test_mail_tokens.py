"""Addresses are verified, and passwords reset, by tokens that are mailed and good once."""

from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest

from commerce.shared import clock
from commerce.user.mail_tokens import Purpose, signing
from tests.support.lambda_calls import Answer, call
from tests.support.mails import (
    confirm_email,
    deliver,
    mails_to,
    request_reset,
    request_verification,
    requests_of,
    reset_password,
)
from tests.support.sessions import (
    PASSWORD,
    Account,
    an_account,
    change_password,
    edit_me,
    me,
    refresh,
)
from tests.support.shop import a_buyer, rows
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment", "cheap_hashes", "mail_service")

NEW_PASSWORD = "coyote off the cliff"


def token_of(account: Account) -> str:
    return str(account.tokens()["access_token"])


def mailed(account: Account) -> str:
    """Deliver the newest event about an account; return the token that was mailed."""
    assert deliver(requests_of(account.user_id)[-1])
    return mails_to(account.email)[-1].token


def verification_of(account: Account) -> str:
    assert request_verification(token_of(account)).status == 202
    return mailed(account)


def reset_of(account: Account) -> str:
    assert request_reset(account.email).status == 202
    return mailed(account)


def refused(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


EXPIRED = (410, "TOKEN_EXPIRED")


def test_a_mailed_token_verifies_the_address_once(account: Account) -> None:
    access = token_of(account)
    assert me(access).json["email_verified"] is False
    token = verification_of(account)
    answer = confirm_email(token)
    assert (answer.status, answer.json) == (200, {"email_verified": True})
    assert me(access).json["email_verified"] is True
    assert refused(confirm_email(token)) == EXPIRED
    assert me(access).json["email_verified"] is True


def test_another_address_is_not_verified_and_its_tokens_are_void(account: Account) -> None:
    access = token_of(account)
    first = verification_of(account)
    reset = reset_of(account)
    new = f"new.{account.email}"
    assert edit_me(access, email=new).json["email_verified"] is False
    assert refused(confirm_email(first)) == EXPIRED
    assert refused(reset_password(reset, NEW_PASSWORD)) == EXPIRED
    assert request_verification(access).status == 202
    assert deliver(requests_of(account.user_id)[-1])
    [mail] = mails_to(new)
    assert confirm_email(mail.token).status == 200
    assert edit_me(access, email=account.email).json["email_verified"] is False


def test_a_new_account_is_mailed_a_verification_by_itself(account: Account) -> None:
    [envelope] = requests_of(account.user_id)
    assert envelope["type"] == "EmailVerificationRequested"
    assert deliver(envelope)
    [mail] = mails_to(account.email)
    assert confirm_email(mail.token).status == 200
    assert me(token_of(account)).json["email_verified"] is True


def test_the_former_address_is_mailed_a_notice_once(account: Account) -> None:
    access = token_of(account)
    new = f"new.{account.email}"
    assert edit_me(access, email=new).status == 200
    notice = requests_of(account.user_id)[-1]
    assert notice["type"] == "EmailChanged"
    assert [deliver(notice) for _ in range(3)] == [True] * 3
    [mail] = mails_to(account.email)
    assert mail.subject == "Your account has another e-mail address"
    assert new not in mail.html
    assert mails_to(new) == []


def newest_notice(account: Account) -> dict[str, Any]:
    """The envelope of the notice of a changed password."""
    notice = requests_of(account.user_id)[-1]
    assert notice["type"] == "PasswordChanged"
    return notice


def test_a_changed_password_is_mailed_to_its_user_once(account: Account) -> None:
    assert change_password(token_of(account), NEW_PASSWORD).status == 204
    notice = newest_notice(account)
    assert notice["data"].keys() == {"token_id", "language"}
    assert [deliver(notice) for _ in range(3)] == [True] * 3
    [mail] = mails_to(account.email)
    assert mail.subject == "Your password has been changed"
    assert NEW_PASSWORD not in mail.html


def test_a_reset_password_is_mailed_to_its_user(account: Account) -> None:
    assert reset_password(reset_of(account), NEW_PASSWORD).status == 204
    assert deliver(newest_notice(account))
    assert mails_to(account.email)[-1].subject == "Your password has been changed"


def test_the_notice_of_a_password_goes_to_the_address_of_its_moment(account: Account) -> None:
    access, new = token_of(account), f"new.{account.email}"
    assert change_password(access, NEW_PASSWORD).status == 204
    notice = newest_notice(account)
    assert edit_me(access, email=new, password=NEW_PASSWORD).status == 200
    assert deliver(notice)
    assert [mail.subject for mail in mails_to(account.email)] == ["Your password has been changed"]
    assert mails_to(new) == []


def test_a_password_that_was_not_changed_is_not_mailed(account: Account) -> None:
    access = token_of(account)
    assert change_password(access, NEW_PASSWORD, current="a wrong guess").status == 401
    assert change_password(access, "password12").status == 422
    assert refused(reset_password(reset_of(account), "password12")) == (422, "WEAK_PASSWORD")
    types = [each["type"] for each in requests_of(account.user_id)]
    assert "PasswordChanged" not in types


def test_an_account_has_three_notices_of_passwords_mailed_an_hour(account: Account) -> None:
    access = token_of(account)
    passwords = [PASSWORD, *(f"{NEW_PASSWORD} {number}" for number in range(5))]
    for current, new in pairwise(passwords):
        assert change_password(access, new, current=current).status == 204
    types = [each["type"] for each in requests_of(account.user_id)]
    assert types.count("PasswordChanged") == 3


def test_a_notice_is_good_for_nothing(account: Account) -> None:
    assert edit_me(token_of(account), email=f"new.{account.email}").status == 200
    notice = UUID(requests_of(account.user_id)[-1]["aggregate_id"])
    forged = signing.signed(notice, account.user_id, Purpose.VERIFICATION)
    assert refused(confirm_email(forged)) == EXPIRED
    forged = signing.signed(notice, account.user_id, Purpose.PASSWORD_RESET)
    assert refused(reset_password(forged, NEW_PASSWORD)) == EXPIRED


def test_an_account_has_three_notices_mailed_an_hour(account: Account) -> None:
    access = token_of(account)
    for number in range(5):
        assert edit_me(access, email=f"{number}.{account.email}").status == 200
    types = [each["type"] for each in requests_of(account.user_id)]
    assert types.count("EmailChanged") == 3


def test_changes_of_address_make_no_room_for_more_verifications(account: Account) -> None:
    access = token_of(account)
    for number in range(5):
        assert request_verification(access).status == 202
        assert edit_me(access, email=f"{number}.{account.email}").status == 200
    types = [each["type"] for each in requests_of(account.user_id)]
    assert types.count("EmailVerificationRequested") == 3


def test_the_same_address_in_capitals_stays_verified(account: Account) -> None:
    assert confirm_email(verification_of(account)).status == 200
    answer = edit_me(token_of(account), email=account.email.upper())
    assert answer.json["email_verified"] is True


def test_a_verified_user_is_mailed_no_more(account: Account) -> None:
    assert confirm_email(verification_of(account)).status == 200
    kept = requests_of(account.user_id)
    assert request_verification(token_of(account)).status == 202
    assert requests_of(account.user_id) == kept


def test_a_mailed_token_replaces_a_forgotten_password_once(account: Account) -> None:
    before = account.tokens()
    token = reset_of(account)
    assert reset_password(token, NEW_PASSWORD).status == 204
    assert account.sign_in(PASSWORD).status == 401
    assert account.sign_in(NEW_PASSWORD).status == 201
    assert refused(me(before["access_token"])) == (401, "SESSION_ENDED")
    assert refused(refresh(before["refresh_token"])) == (401, "SESSION_ENDED")
    assert refused(reset_password(token, "another long secret")) == EXPIRED
    assert account.sign_in(NEW_PASSWORD).status == 201


def test_a_reset_ends_the_other_tokens_too(account: Account) -> None:
    first, second = reset_of(account), reset_of(account)
    assert reset_password(second, NEW_PASSWORD).status == 204
    assert refused(reset_password(first, "another long secret")) == EXPIRED


def test_of_many_resets_with_one_token_one_is_made(account: Account) -> None:
    token = reset_of(account)
    passwords = [f"{NEW_PASSWORD} number {number}" for number in range(8)]
    answers = run_concurrently([partial(reset_password, token, each) for each in passwords])
    assert sorted(each.status for each in answers) == [204] + [410] * 7
    [winner] = [p for p, each in zip(passwords, answers, strict=True) if each.status == 204]
    assert [account.sign_in(each).status == 201 for each in passwords].count(True) == 1
    assert account.sign_in(winner).status == 201


def test_of_many_confirmations_with_one_token_one_is_made(account: Account) -> None:
    token = verification_of(account)
    answers = run_concurrently([partial(confirm_email, token) for _ in range(8)])
    assert sorted(each.status for each in answers) == [200] + [410] * 7


def test_a_weak_password_leaves_the_token_good(account: Account) -> None:
    token = reset_of(account)
    for weak in ("1234567890", f"{account.login_id} 1"):
        assert refused(reset_password(token, weak)) == (422, "WEAK_PASSWORD")
    assert reset_password(token, NEW_PASSWORD).status == 204


@pytest.mark.parametrize("purpose", list(Purpose))
def test_an_expired_token_is_refused(
    account: Account, purpose: Purpose, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = reset_of(account) if purpose is Purpose.PASSWORD_RESET else verification_of(account)
    later = clock.now() + purpose.lifetime + timedelta(seconds=5)
    monkeypatch.setattr(clock, "now", lambda: later)
    if purpose is Purpose.PASSWORD_RESET:
        assert refused(reset_password(token, NEW_PASSWORD)) == EXPIRED
    else:
        assert refused(confirm_email(token)) == EXPIRED


def test_a_token_is_good_for_its_purpose_and_its_user_only(account: Account) -> None:
    other = an_account()
    verification, reset = verification_of(account), reset_of(account)
    assert refused(confirm_email(reset)) == EXPIRED
    assert refused(reset_password(verification, NEW_PASSWORD)) == EXPIRED
    token_id = UUID(requests_of(account.user_id)[-1]["data"]["token_id"])
    stolen = signing.signed(token_id, other.user_id, Purpose.PASSWORD_RESET)
    assert refused(reset_password(stolen, NEW_PASSWORD)) == EXPIRED
    for forged in (reset[:-4] + "AAAA", "", "a.b.c", token_of(account)):
        assert refused(reset_password(forged, NEW_PASSWORD)) == EXPIRED
    assert account.sign_in(PASSWORD).status == other.sign_in(PASSWORD).status == 201


def test_an_unknown_address_is_answered_as_a_known_one(account: Account) -> None:
    known, unknown = request_reset(account.email), request_reset("nobody@example.org")
    assert (
        (known.status, known.json) == (unknown.status, unknown.json) == (202, {"expires_in": 3600})
    )
    assert known.headers.keys() == unknown.headers.keys()


def test_an_unknown_address_costs_the_same_statements(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the time tells no more than the text."""
    from commerce.runtime.db.connection import Database

    sent: list[list[str]] = []
    run = Database.run

    def recorded(self: Database, queries: object, **options: object) -> object:
        sent.append([each.sql for each in queries])  # type: ignore[attr-defined]
        return run(self, queries, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Database, "run", recorded)
    request_reset(account.email)
    known, sent[:] = list(sent), []
    request_reset("nobody@example.org")
    assert sent == known != []


def test_a_user_is_mailed_at_most_three_times_an_hour(account: Account) -> None:
    access = token_of(account)
    for _ in range(5):
        assert request_reset(account.email).status == 202
        assert request_verification(access).status == 202
    types = sorted(each["type"] for each in requests_of(account.user_id))
    assert types == ["EmailVerificationRequested"] * 3 + ["PasswordResetRequested"] * 3


def test_many_requests_at_once_are_mailed_three_times(account: Account) -> None:
    answers = run_concurrently([partial(request_reset, account.email) for _ in range(10)])
    assert {each.status for each in answers} == {202}
    types = [each["type"] for each in requests_of(account.user_id)]
    assert types.count("PasswordResetRequested") == 3


def test_who_proves_an_address_gets_it_from_who_did_not(account: Account) -> None:
    """A duplicate from before addresses were claimed becomes its owner's."""
    other = an_account()
    rows(
        "UPDATE user_account SET email = $2 WHERE id = $1 RETURNING id",
        other.user_id,
        account.email,
    )
    rows("DELETE FROM email_claim WHERE user_id = $1 RETURNING user_id", other.user_id)
    assert request_verification(token_of(other)).status == 202
    assert deliver(requests_of(other.user_id)[-1])
    theirs = mails_to(account.email)[-1].token
    mine = verification_of(account)
    assert confirm_email(theirs).status == 200
    assert refused(confirm_email(mine)) == (409, "EMAIL_TAKEN")
    assert me(token_of(other)).json["email_verified"] is True
    assert me(token_of(account)).json["email_verified"] is False
    assert account.sign_in().status == 201


def test_an_unknown_user_verifies_nothing() -> None:
    assert refused(request_verification(a_buyer().token)) == (404, "USER_NOT_FOUND")


@pytest.mark.parametrize(
    ("path", "name", "body"),
    [
        ("/password-resets", "user/request_password_reset", {"email": "wile"}),
        ("/password-resets", "user/request_password_reset", {}),
        (
            "/password-resets/confirmation",
            "user/reset_password",
            {"token": "t"},
        ),
        ("/email-verifications/confirmation", "user/confirm_email", {"token": "t", "user_id": "u"}),
    ],
)
def test_a_bad_body_is_refused(path: str, name: str, body: dict[str, str]) -> None:
    assert refused(call(name, "POST", path, body=body)) == (422, "VALIDATION_FAILED")
