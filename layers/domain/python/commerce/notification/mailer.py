"""The client of the mail service."""

from typing import Protocol

from commerce.notification.errors import MailNotTaken
from commerce.notification.model import Mail
from commerce.runtime.aws import client

ANSWER_SECONDS = 10.0


class Mailer(Protocol):
    """The service that brings mails to people."""

    def send(self, mail: Mail) -> None:
        """Hand a mail over. Raises MailNotTaken where it certainly was not taken."""


class SesMailer:
    """Amazon SES, by version 1 of its API, which the emulators have too."""

    def __init__(self, sender: str) -> None:
        self._sender = sender

    def send(self, mail: Mail) -> None:
        """Send it in one try: a repeated call would be a second mail."""
        from botocore.exceptions import ClientError

        def content(data: str) -> dict[str, str]:
            return {"Data": data, "Charset": "UTF-8"}

        service = client("ses", attempts=1, answer_within_seconds=ANSWER_SECONDS)
        try:
            service.send_email(
                Source=self._sender,
                Destination={"ToAddresses": [_in_ascii(mail.to)]},
                Message={
                    "Subject": content(mail.subject),
                    "Body": {"Text": content(mail.text), "Html": content(mail.html)},
                },
            )
        except ClientError as error:
            # Its message may name the address, so the code has to do.
            code = error.response.get("Error", {}).get("Code", "")
            raise MailNotTaken(f"It answered {code}.") from None


def _in_ascii(email: str) -> str:
    """Return the address with its domain in ASCII, as SES wants it."""
    local, _, domain = email.rpartition("@")
    try:
        found = f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        raise MailNotTaken("The address has a domain that cannot exist.") from None
    if not found.isascii():
        raise MailNotTaken("SES takes no address with letters outside ASCII before the @.")
    return found
