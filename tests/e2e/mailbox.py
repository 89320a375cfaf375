"""The mails that the stack's SES has sent, and a bounce as SES reports it."""

import json
from typing import Any

import urllib3

from tests.e2e.shop import Shop
from tests.support.mails import a_bounce


def mails_to(shop: Shop, email: str, subject: str | None = None) -> list[dict[str, str]]:
    """Return the mails to an address, with that subject if one is given.

    Each has `Subject`, `BodyText` and `BodyHtml`.
    """
    return [
        mail
        for recipients, mail in (_sent_on_localstack if _is_localstack(shop) else _sent)(shop)
        if email in recipients and subject in (None, mail["Subject"])
    ]


def bounce(shop: Shop, email: str) -> None:
    """Report to the topic of SES' feedback that a mail to the address bounced for good."""
    topic = shop.stack.physical_id("MailFeedbackTopic")
    shop.stack.aws("sns").publish(TopicArn=topic, Message=json.dumps(a_bounce(email)))


def _is_localstack(shop: Shop) -> bool:
    return shop.stack.is_on_free_localstack


def _sent(shop: Shop) -> list[tuple[list[str], dict[str, str]]]:
    accounts = _get(shop, "/_ministack/ses/messages")["messages"]
    return [(mail["To"], mail) for mails in accounts.values() for mail in mails]


def _sent_on_localstack(shop: Shop) -> list[tuple[list[str], dict[str, str]]]:
    return [
        (
            mail["Destination"]["ToAddresses"],
            {
                "Subject": mail["Subject"],
                "BodyText": mail["Body"]["text_part"],
                "BodyHtml": mail["Body"]["html_part"],
            },
        )
        for mail in _get(shop, "/_aws/ses")["messages"]
    ]


def _get(shop: Shop, path: str) -> dict[str, Any]:
    url = f"{shop.stack.addresses.aws_endpoint_url}{path}"
    found: dict[str, Any] = urllib3.request("GET", url, retries=False, timeout=10).json()
    return found
