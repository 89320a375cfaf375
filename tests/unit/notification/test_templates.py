"""The texts of the mails."""

from itertools import product
from typing import get_args

import pytest

from commerce.notification import Template, written
from commerce.shared.languages import Language, preferred

ALL = list(product(Template, get_args(Language)))


@pytest.mark.parametrize(("template", "language"), ALL)
def test_a_mail_has_the_same_link_as_text_and_as_html(
    template: Template, language: Language
) -> None:
    mail = written(
        template, language, to="wile@example.com", login_id="coyote", token="a.b+c",
        shop_url="https://shop.example/",
    )  # fmt: skip
    path = {Template.VERIFICATION: "verify-email", Template.PASSWORD_RESET: "reset-password"}
    link = f"https://shop.example/{path[template]}?token=a.b%2Bc"
    assert f"\n{link}\n" in mail.text
    assert f'<a href="{link}">{link}</a>' in mail.html
    assert f'<html lang="{language}">' in mail.html
    for part in (mail.text, mail.html):
        assert "coyote" in part
        assert "{" not in part
    assert mail.to == "wile@example.com"


@pytest.mark.parametrize(("template", "language"), ALL)
def test_without_a_shops_address_a_mail_has_the_token(
    template: Template, language: Language
) -> None:
    mail = written(template, language, to="w@example.com", login_id="c", token="a.b", shop_url="")
    assert "\na.b\n" in mail.text
    assert "<code>a.b</code>" in mail.html
    assert "a.b" not in f"{mail!r} {mail}"


def test_every_mail_has_its_own_words() -> None:
    mails = [
        written(each, language, to="w@example.com", login_id="c", token="t", shop_url="")
        for each, language in ALL
    ]
    assert len({each.subject for each in mails}) == len({each.text for each in mails}) == len(ALL)


def test_what_is_filled_in_is_never_markup() -> None:
    mail = written(
        Template.VERIFICATION, "en", to="w@example.com", login_id="<b>", token='"><script>',
        shop_url="",
    )  # fmt: skip
    assert "<b>" not in mail.html
    assert "<script" not in mail.html


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"), ("ko", "ko"), ("KO-kr", "ko"), ("en;q=0.4, ko;q=0.5", "ko"),
        ("en, ko", "en"), ("ko;q=0", "en"), ("fr, *", "en"), (";;,,=", "en"), ("ko;q=x", "en"),
        ("x" * 10_000, "en"),
    ],
)  # fmt: skip
def test_the_language_that_a_caller_prefers(header: str, language: Language) -> None:
    assert preferred(header) == language
