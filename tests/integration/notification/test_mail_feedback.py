"""Bounces and complaints: an address that refuses mail, or does not want it, is sent no more."""

import json
import logging
from functools import partial
from typing import Any

import pytest

from commerce.app.transactions import in_transaction
from commerce.shared.clock import new_id
from commerce.shared.scopes import Scope
from commerce.user import UserNotFound
from commerce.user.recipients import RecipientFacade, Suppression
from infra.ops.__main__ import main
from tests.support.lambda_calls import Answer
from tests.support.mails import (
    a_bounce,
    a_complaint,
    confirm_email,
    deliver,
    mails_to,
    report_feedback,
    request_reset,
    request_verification,
    requests_of,
)
from tests.support.privacy import erase_me, everything_kept, tables_that_say
from tests.support.sessions import Account, edit_me
from tests.support.shop import rows, staff_with
from tests.support.staff import get_user
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment", "cheap_hashes", "mail_service")


def token_of(account: Account) -> str:
    return str(account.tokens()["access_token"])


def suppression_of(account: Account) -> str | None:
    """Return the reason for which a user is mailed nothing, as staff see it."""
    answer = get_user(account.user_id, token=staff_with(Scope.USERS_READ).token)
    assert (answer.json["mail_suppressed_at"] is None) == (answer.json["mail_suppression"] is None)
    found: str | None = answer.json["mail_suppression"]
    return found


def mail_all(account: Account) -> int:
    """Have a verification and a reset mailed; return how many mails arrive."""
    before = len(mails_to(account.email))
    asked: list[Answer] = [
        request_verification(token_of(account)),
        request_reset(account.email),
    ]
    assert [each.status for each in asked] == [202, 202]
    for envelope in requests_of(account.user_id)[-2:]:
        assert deliver(envelope)
    return len(mails_to(account.email)) - before


@pytest.mark.parametrize(
    ("report", "seen"),
    [
        (a_bounce, "BOUNCE"), (a_complaint, "COMPLAINT"),
        (partial(a_complaint, kind=None), "COMPLAINT"),
    ],
)  # fmt: skip
def test_a_suppressed_address_is_mailed_nothing_and_answers_stay_the_same(
    account: Account, report: Any, seen: str
) -> None:
    assert mail_all(account) == 2
    assert report_feedback(report(account.email.upper())) == "done"
    assert suppression_of(account) == seen
    assert mail_all(account) == 0


@pytest.mark.parametrize(
    "report",
    [
        partial(a_bounce, kind="Transient"), partial(a_bounce, kind="Undetermined"),
        partial(a_complaint, kind="not-spam"),
    ],
)  # fmt: skip
def test_a_soft_bounce_and_praise_suppress_nothing(account: Account, report: Any) -> None:
    assert report_feedback(report(account.email)) == "done"
    assert suppression_of(account) is None
    assert mail_all(account) == 2


def test_reports_of_other_things_are_taken_and_change_nothing(account: Account) -> None:
    delivery = {"notificationType": "Delivery", "delivery": {"recipients": [account.email]}}
    assert report_feedback(delivery, {"notificationType": "AmazonSnsSubscriptionSucceeded"}) == (
        "done"
    )
    assert suppression_of(account) is None


@pytest.mark.parametrize(
    "report",
    [
        "", "{", "[]", "null", "1", '"Bounce"', {}, {"notificationType": None}, "\ud83d" * 10,
        {"notificationType": "Bounce", "bounce": {"bounceType": "Permanent"}},
        {"notificationType": "Bounce", "bounce": {"bounceType": "Permanent",
                                                  "bouncedRecipients": [{"emailAddress": 1}]}},
        {"notificationType": "Bounce", "bounce": []},
        a_bounce("x" * 600 + "@example.com"), a_bounce("xxxxxx\x00y@example.com"),
        {"notificationType": "Complaint",
         "complaint": {"complainedRecipients": [{"emailAddress": "a@b.c"}] * 51}},
    ],
)  # fmt: skip
def test_a_malformed_report_fails_alone_and_is_shown_nowhere(
    account: Account, report: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert report_feedback(report, a_bounce(account.email)) == "again"
    assert suppression_of(account) == "BOUNCE"
    assert account.email not in caplog.text
    assert "xxxxxx" not in caplog.text


@pytest.mark.parametrize(
    "address",
    ["", "@", "'; DROP TABLE user_account; --@example.com", "<>", "a@b@c"],
)
def test_a_strange_address_suppresses_nothing(
    own_shop: str, account: Account, address: str
) -> None:
    before = rows("SELECT count(*) FROM suppressed_address")
    assert report_feedback(a_bounce(address)) == "done"
    assert rows("SELECT count(*) FROM suppressed_address") == before
    assert suppression_of(account) is None


def test_a_name_in_front_of_an_address_is_not_part_of_it(account: Account) -> None:
    assert report_feedback(a_bounce(f'"Wile, E." <{account.email}>')) == "done"
    assert suppression_of(account) == "BOUNCE"


def test_nothing_is_kept_of_an_address_that_is_no_accounts() -> None:
    stranger = f"{new_id().hex}@example.net"
    assert report_feedback(a_bounce(stranger)) == "done"
    assert tables_that_say([stranger]) == set()


def test_one_report_many_times_at_once_is_one_suppression(account: Account) -> None:
    reports = [partial(report_feedback, a_complaint(account.email)) for _ in range(10)]
    assert set(run_concurrently(reports)) == {"done"}
    [row] = rows("SELECT reason FROM suppressed_address WHERE user_id = $1", account.user_id)
    assert row.reason == "COMPLAINT"


def test_another_address_that_is_verified_lifts_it(account: Account) -> None:
    assert report_feedback(a_bounce(account.email)) == "done"
    new = f"new.{account.email}"
    access = token_of(account)
    assert edit_me(access, email=new).status == 200
    assert suppression_of(account) is None
    assert request_verification(access).status == 202
    assert deliver(requests_of(account.user_id)[-1])
    [mail] = mails_to(new)
    assert confirm_email(mail.token).status == 200
    assert rows("SELECT FROM suppressed_address WHERE user_id = $1", account.user_id) == []


def test_back_at_an_address_that_bounced_nothing_is_mailed(account: Account) -> None:
    assert report_feedback(a_bounce(account.email)) == "done"
    access = token_of(account)
    for email in (f"new.{account.email}", account.email):
        assert edit_me(access, email=email).status == 200
    assert suppression_of(account) == "BOUNCE"
    assert mail_all(account) == 0


def test_a_notice_is_not_sent_to_a_suppressed_address(account: Account) -> None:
    assert report_feedback(a_complaint(account.email)) == "done"
    assert edit_me(token_of(account), email=f"new.{account.email}").status == 200
    assert deliver(requests_of(account.user_id)[-1])
    assert mails_to(account.email) == []


def test_operators_lift_it_and_the_audit_says_so(account: Account) -> None:
    assert report_feedback(a_bounce(account.email)) == "done"

    def lift(login_id: str) -> Suppression | None:
        return in_transaction(RecipientFacade.lift_by_login, login_id, by="kim")

    assert lift(account.login_id.lower()) is Suppression.BOUNCE
    assert lift(account.login_id) is None
    assert mail_all(account) == 2
    audited = rows("SELECT by, action FROM admin_audit WHERE subject_id = $1", account.user_id)
    assert [tuple(each) for each in audited] == [("kim", "mail again")]
    with pytest.raises(UserNotFound):
        lift("unknown")


def test_an_owner_is_shown_it_and_an_erasure_removes_it(account: Account) -> None:
    assert report_feedback(a_bounce(account.email)) == "done"
    access = token_of(account)
    assert everything_kept(access)[0]["data"]["mail_suppression"] == "BOUNCE"
    assert erase_me(access).status == 204
    assert tables_that_say([account.email]) == set()


def test_an_erasure_against_reports_leaves_no_address(account: Account) -> None:
    access = token_of(account)

    def report() -> str:
        return report_feedback(a_bounce(account.email))

    def erase() -> str:
        return str(erase_me(access).status)

    assert "204" in run_concurrently([*[report] * 8, erase, *[report] * 8])
    assert erase_me(access).status == 401
    assert tables_that_say([account.email]) == set()


def test_the_command_mails_an_address_again_and_is_audited(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report_feedback(a_bounce(account.email)) == "done"
    for lifted in ("BOUNCE", None):
        assert main(["users", "mail-again", account.login_id, "--yes", "--json"]) == 0
        shown = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert shown == {"login_id": account.login_id, "lifted": lifted}
    assert main(["users", "mail-again", "unknown00", "--yes", "--json"]) == 2
    assert suppression_of(account) is None
    acts = rows(
        "SELECT outcome FROM staff_act WHERE action = 'make ops users mail-again' AND subject = $1",
        account.login_id,
    )
    assert [each.outcome for each in acts] == ["DONE", "DONE"]
