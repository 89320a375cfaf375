"""The texts of the mails, in each language, as text and as HTML.

A text is written once: its HTML has the same paragraphs, in which a link can be clicked.
"""

from dataclasses import dataclass
from enum import StrEnum
from html import escape
from urllib.parse import urlencode

from commerce.notification.model import Mail
from commerce.shared.languages import Language


class Template(StrEnum):
    """The mails that are written."""

    VERIFICATION = "VERIFICATION"
    PASSWORD_RESET = "PASSWORD_RESET"  # noqa: S105


@dataclass(frozen=True, slots=True)
class _Words:
    subject: str
    paragraphs: tuple[str, ...]
    """In which {login_id} and {action} are filled in, and nothing that a stranger can word."""


_TEXTS: dict[tuple[Template, Language], _Words] = {
    (Template.VERIFICATION, "en"): _Words(
        "Confirm your e-mail address",
        (
            "Hello {login_id},",
            (
                "please confirm that this is the address of your account. It can be done once,"
                " within 24 hours:"
            ),
            "{action}",
            "If you have no account with us, somebody mistyped their address. You need do nothing.",
        ),
    ),
    (Template.VERIFICATION, "ko"): _Words(
        "이메일 주소를 확인해 주세요",
        (
            "{login_id}님, 안녕하세요.",
            (
                "이 주소가 회원님 계정의 이메일 주소인지 확인해 주세요. 24시간 안에 한 번만 사용할"
                " 수 있습니다."
            ),
            "{action}",
            "가입한 적이 없다면 다른 사람이 주소를 잘못 입력한 것이니 이 메일을 무시하셔도 됩니다.",
        ),
    ),
    (Template.PASSWORD_RESET, "en"): _Words(
        "Choose a new password",
        (
            "Hello {login_id},",
            (
                "somebody asked for a new password for your account. It can be chosen once,"
                " within an hour, and ends all of your sessions:"
            ),
            "{action}",
            "If it was not you, do nothing: your password stays as it is.",
        ),
    ),
    (Template.PASSWORD_RESET, "ko"): _Words(
        "비밀번호를 다시 설정해 주세요",
        (
            "{login_id}님, 안녕하세요.",
            (
                "비밀번호 재설정이 요청되었습니다. 1시간 안에 한 번만 사용할 수 있으며,"
                " 재설정하면 모든 기기에서 로그아웃됩니다."
            ),
            "{action}",
            "직접 요청하지 않았다면 이 메일을 무시하세요. 비밀번호는 그대로 유지됩니다.",
        ),
    ),
}
_PATHS = {Template.VERIFICATION: "verify-email", Template.PASSWORD_RESET: "reset-password"}


def written(
    template: Template,
    language: Language,
    *,
    to: str,
    login_id: str,
    token: str,
    shop_url: str,
) -> Mail:
    """Write a mail. Without the URL of a shop, it has the token itself in place of a link."""
    words = _TEXTS[template, language]
    link = f"{shop_url.rstrip('/')}/{_PATHS[template]}?{urlencode({'token': token})}"
    action = link if shop_url else token
    fields = {"login_id": login_id, "action": action}
    marked = {key: escape(value) for key, value in fields.items()}
    tag = "code" if not shop_url else f'a href="{escape(link)}"'
    marked["action"] = f"<{tag}>{escape(action)}</{tag.split()[0]}>"
    text = "\n\n".join(each.format(**fields) for each in words.paragraphs) + "\n"
    body = "".join(f"<p>{each.format(**marked)}</p>" for each in words.paragraphs)
    html = (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        f"<title>{escape(words.subject)}</title></head><body>{body}</body></html>"
    )
    return Mail(to, words.subject, text, html)
