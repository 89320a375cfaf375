"""An event is mailed once, however often it is delivered, and its data stay in the mail."""

import json
import logging
from functools import partial
from typing import Any

import pytest

from commerce.notification import Mail, SesMailer
from commerce.notification.errors import MailNotTaken
from tests.support.mails import (
    SENDER,
    confirm_email,
    deliver,
    mails_to,
    request_reset,
    request_verification,
    requests_of,
)
from tests.support.sessions import Account
from tests.support.shop import rows
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment", "cheap_hashes", "mail_service")


def requested(account: Account, language: str = "en") -> dict[str, Any]:
    assert request_reset(account.email, language).status == 202
    return requests_of(account.user_id)[-1]


def later() -> None:
    """Let pass the minute after which a begun sending is taken up again."""
    rows("UPDATE mail SET begun_at = begun_at - interval '61 s' RETURNING event_id")


def test_an_event_that_is_delivered_again_is_mailed_once(account: Account) -> None:
    envelope = requested(account)
    assert [deliver(envelope) for _ in range(3)] == [True] * 3
    later()
    assert deliver(envelope)
    assert len(mails_to(account.email)) == 1


def test_an_event_that_is_delivered_to_many_at_once_is_mailed_once(account: Account) -> None:
    envelope = requested(account)
    outcomes = run_concurrently([partial(deliver, envelope) for _ in range(8)])
    assert True in outcomes
    assert deliver(envelope)
    assert len(mails_to(account.email)) == 1


def test_a_mail_that_was_refused_is_sent_by_the_next_delivery(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    envelope = requested(account)
    with monkeypatch.context() as broken:
        broken.setenv("MAIL_SENDER", "stranger@example.net")
        assert not deliver(envelope)
    assert mails_to(account.email) == []
    assert deliver(envelope)
    assert len(mails_to(account.email)) == 1


def test_a_mail_whose_sender_died_is_sent_again_after_a_minute(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    envelope = requested(account)

    def die(self: SesMailer, mail: Mail) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(SesMailer, "send", die)
        with pytest.raises(KeyboardInterrupt):
            deliver(envelope)
    assert not deliver(envelope)  # whoever began it may still be sending it
    assert mails_to(account.email) == []
    later()
    assert deliver(envelope)
    assert len(mails_to(account.email)) == 1


def test_a_token_that_was_used_is_not_mailed(account: Account) -> None:
    access = str(account.tokens()["access_token"])
    for _ in range(2):
        assert request_verification(access).status == 202
    _, first, second = requests_of(account.user_id)
    assert deliver(first)
    [mail] = mails_to(account.email)
    assert confirm_email(mail.token).status == 200
    assert deliver(second)
    assert len(mails_to(account.email)) == 1


def test_an_unknown_address_is_mailed_nothing() -> None:
    email = "nobody.at.all@example.org"
    assert request_reset(email).status == 202
    [row] = rows("SELECT id FROM mail_token WHERE user_id IS NULL ORDER BY created_at DESC LIMIT 1")
    [event] = rows("SELECT * FROM outbox WHERE aggregate_id = $1", row.id)
    assert event.data == {"token_id": str(row.id), "language": "en"}
    assert mails_to(email) == []


@pytest.mark.parametrize(
    ("language", "subject"),
    [
        ("en-GB,en;q=0.9", "Choose a new password"),
        ("ko-KR,ko;q=0.9,en;q=0.8", "비밀번호를 다시 설정해 주세요"),
        ("de, ko;q=0.5", "비밀번호를 다시 설정해 주세요"),
        ("de", "Choose a new password"),
        ("", "Choose a new password"),
    ],
)
def test_a_mail_is_in_the_callers_language(account: Account, language: str, subject: str) -> None:
    assert deliver(requested(account, language))
    [mail] = mails_to(account.email)
    assert mail.subject == subject


def test_no_event_row_or_log_line_has_an_address_or_a_token(
    account: Account, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG, "lastunit")
    envelope = requested(account)
    assert deliver(envelope)
    [mail] = mails_to(account.email)
    stored = [
        *map(tuple, rows("SELECT * FROM mail_token WHERE user_id = $1", account.user_id)),
        *map(tuple, rows("SELECT * FROM mail WHERE event_id = $1", envelope["id"])),
    ]
    said = capsys.readouterr()
    for text in (json.dumps(envelope), str(stored), caplog.text, said.out, said.err):
        assert account.email not in text
        assert mail.token not in text


@pytest.mark.parametrize("email", ["\u00e9@example.com", "wile@" + "\u00fc" * 64 + ".example"])
def test_an_address_that_the_service_cannot_have_is_refused(email: str) -> None:
    with pytest.raises(MailNotTaken) as refused:
        SesMailer(SENDER).send(Mail(email, "s", "t", "h"))
    assert email not in str(refused.value)


def test_a_domain_outside_ascii_is_mailed_by_its_notation_in_ascii() -> None:
    SesMailer(SENDER).send(Mail("idn@b\u00fccher.example", "s", "t", "h"))
    assert len(mails_to("idn@xn--bcher-kva.example")) == 1
