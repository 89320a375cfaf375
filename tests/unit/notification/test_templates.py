"""The texts of the mails."""

from itertools import product
from string import Formatter
from typing import get_args

import pytest

from commerce.notification import Letter, Template, written
from commerce.notification.texts import TEXTS
from commerce.shared.languages import Language, preferred

ALL = list(product(Template, get_args(Language)))
UNLINKED = (Template.EMAIL_CHANGED, Template.PASSWORD_CHANGED, Template.REFUNDED)
LINKED = [each for each in ALL if each[0] not in UNLINKED]
PATHS = {
    Template.VERIFICATION: "verify-email?token=a.b%2Bc",
    Template.PASSWORD_RESET: "reset-password?token=a.b%2Bc",
    Template.ORDER_CONFIRMED: "orders/a.b+c",
    Template.ORDER_SHIPPED: "orders/a.b+c",
    Template.POINTS_REFUNDED: "orders/a.b+c",
    Template.OFFER_MADE: "drops/a.b+c",
}


def a_letter(template: Template, language: Language, about: str = "a.b+c", **more: str) -> Letter:
    """A letter in which each field that its text names says so."""
    subject, paragraphs = TEXTS[template.value, language]
    names = {name for _, name, _, _ in Formatter().parse(subject + "".join(paragraphs)) if name}
    fields = {name: f"the {name}" for name in names - {"action"}} | {"login_id": "coyote"} | more
    return Letter(template, language, "wile@example.com", about, fields)


@pytest.mark.parametrize(("template", "language"), LINKED)
def test_a_mail_has_the_same_link_as_text_and_as_html(
    template: Template, language: Language
) -> None:
    mail = written(a_letter(template, language), shop_url="https://shop.example/")
    link = f"https://shop.example/{PATHS[template]}"
    assert f"\n{link}\n" in mail.text
    assert f'<a href="{link}">{link}</a>' in mail.html


@pytest.mark.parametrize(("template", "language"), ALL)
def test_a_mail_says_the_same_as_text_and_as_html(template: Template, language: Language) -> None:
    letter = a_letter(template, language)
    mail = written(letter, shop_url="")
    assert f'<html lang="{language}">' in mail.html
    for part in (mail.text, mail.html):
        assert all(value in part + mail.subject for value in letter.fields.values())
        assert "{" not in part
    assert mail.to == "wile@example.com"


@pytest.mark.parametrize(("template", "language"), LINKED)
def test_without_a_shops_address_a_mail_has_the_token_or_id(
    template: Template, language: Language
) -> None:
    mail = written(a_letter(template, language, "a.b"), shop_url="")
    assert "\na.b\n" in mail.text
    assert "<code>a.b</code>" in mail.html
    assert "a.b" not in f"{mail!r} {mail}"


@pytest.mark.parametrize("template", Template)
def test_each_language_names_the_same_fields(template: Template) -> None:
    english, korean = (a_letter(template, language).fields for language in get_args(Language))
    assert english.keys() == korean.keys()


def test_every_mail_has_its_own_words() -> None:
    mails = [written(a_letter(*each), shop_url="") for each in ALL]
    assert len({each.subject for each in mails}) == len({each.text for each in mails}) == len(ALL)


def test_what_is_filled_in_is_never_markup() -> None:
    letter = a_letter(
        Template.ORDER_CONFIRMED, "en", '"><script>', login_id="<b>", lines="1 <i>\n2 {total}"
    )
    mail = written(letter, shop_url="")
    for markup in ("<b>", "<i>", "<script"):
        assert markup not in mail.html
    assert "1 &lt;i&gt;<br>2 {total}" in mail.html


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
