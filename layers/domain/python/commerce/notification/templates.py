"""The texts of the mails, in each language, as text and as HTML.

A text is written once: its HTML has the same paragraphs, in which a link can be clicked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from html import escape
from urllib.parse import urlencode

from commerce.notification.model import Mail
from commerce.notification.texts import TEXTS
from commerce.shared.languages import Language


class Template(StrEnum):
    """The mails that are written."""

    VERIFICATION = "VERIFICATION"
    PASSWORD_RESET = "PASSWORD_RESET"  # noqa: S105
    EMAIL_CHANGED = "EMAIL_CHANGED"
    PASSWORD_CHANGED = "PASSWORD_CHANGED"  # noqa: S105
    ORDER_CONFIRMED = "ORDER_CONFIRMED"
    ORDER_SHIPPED = "ORDER_SHIPPED"
    REFUNDED = "REFUNDED"
    POINTS_REFUNDED = "POINTS_REFUNDED"
    OFFER_MADE = "OFFER_MADE"


_PAGES: Mapping[Template, Callable[[str], str]] = {
    Template.VERIFICATION: lambda token: f"verify-email?{urlencode({'token': token})}",
    Template.PASSWORD_RESET: lambda token: f"reset-password?{urlencode({'token': token})}",
    Template.ORDER_CONFIRMED: lambda order_id: f"orders/{order_id}",
    Template.ORDER_SHIPPED: lambda order_id: f"orders/{order_id}",
    Template.POINTS_REFUNDED: lambda order_id: f"orders/{order_id}",
    Template.OFFER_MADE: lambda drop_id: f"drops/{drop_id}",
}
"""The page of the shop that a mail links to, by what it is about: a token, or an id."""


@dataclass(frozen=True, slots=True)
class Letter:
    """The content of a mail, and the address that it goes to.

    Attributes:
        about: a token, or the id of what the mail is about: shown where there is no link.
        fields: what the text names, in words of the shop's own and none that a stranger chose.
    """

    template: Template
    language: Language
    to: str = field(repr=False)
    about: str = field(repr=False)
    fields: Mapping[str, str] = field(repr=False)


def written(letter: Letter, *, shop_url: str) -> Mail:
    """Write a mail. Without the URL of a shop, it has the token or id itself in place of a link."""
    title, paragraphs = TEXTS[letter.template.value, letter.language]
    page = _PAGES.get(letter.template)
    link = f"{shop_url.rstrip('/')}/{page(letter.about)}" if shop_url and page else None
    fields = {**letter.fields, "action": link or letter.about}
    subject = title.format(**fields)
    marked = {key: escape(value).replace("\n", "<br>") for key, value in fields.items()}
    tag = f'a href="{escape(link)}"' if link else "code"
    marked["action"] = f"<{tag}>{escape(fields['action'])}</{tag.split()[0]}>"
    text = "\n\n".join(each.format(**fields) for each in paragraphs) + "\n"
    body = "".join(f"<p>{each.format(**marked)}</p>" for each in paragraphs)
    html = (
        f'<!doctype html><html lang="{letter.language}"><head><meta charset="utf-8">'
        f"<title>{escape(subject)}</title></head><body>{body}</body></html>"
    )
    return Mail(letter.to, subject, text, html)
