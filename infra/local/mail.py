"""The local inbox: every mail that the emulator's SES took, as a page and as JSON.

    python -m infra.local.mail --port 18084 --emulator http://127.0.0.1:14566

GET  /            a page with the newest 100 mails; ?to= narrows it to an address
GET  /messages    all of them, oldest first; ?to= narrows it

A mail's HTML is shown in a frame without scripts, and of it nothing is loaded from elsewhere.
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from html import escape
from http import HTTPStatus
from pathlib import Path

import urllib3

from infra.local.json_server import (
    Answer,
    JsonHandler,
    JsonServer,
    Refused,
    Route,
    serve_until_signal,
)
from infra.local.process import Server
from infra.local.simulator import start_simulator

SHOWN = 100
EMULATOR_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Message:
    """A mail as SES took it."""

    to: str
    subject: str
    text: str
    html: str
    received_at: str


class MailServer(JsonServer):
    """The inbox on a loopback port, of the emulator at a URL."""

    def __init__(self, port: int, emulator_url: str) -> None:
        super().__init__(MailHandler, port)
        self._url = f"{emulator_url}/_ministack/ses/messages"

    def messages(self, to: str | None) -> list[Message]:
        """Return the mails to an address in any case, or all, oldest first. Raises Refused."""
        try:
            answer = urllib3.request("GET", self._url, retries=False, timeout=EMULATOR_SECONDS)
            accounts = answer.json()["messages"]
        except (urllib3.exceptions.HTTPError, ValueError, KeyError) as error:
            raise Refused(HTTPStatus.BAD_GATEWAY, "the emulator does not answer") from error
        sent = sorted((each for mails in accounts.values() for each in mails), key=_timestamp)
        return [
            Message(address, mail["Subject"], mail["BodyText"], mail["BodyHtml"], _moment(mail))
            for mail in sent
            for address in mail["To"]
            if to is None or address.lower() == to.lower()
        ]


class MailHandler(JsonHandler):
    """One connection to the inbox."""

    server: MailServer
    server_version = "inbox"
    page_policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

    def route(self, method: str, path: str) -> Route | None:
        """Return what answers this path."""
        return {
            ("GET", "/"): self._show_page,
            ("GET", "/messages"): self._show_messages,
            ("GET", "/health"): lambda: (HTTPStatus.OK, {"status": "ok"}),
        }.get((method, path))

    def _show_messages(self) -> Answer:
        found = self.server.messages(self.asked_for("to"))
        return HTTPStatus.OK, {"items": [asdict(each) for each in found]}

    def _show_page(self) -> Answer:
        found = self.server.messages(self.asked_for("to"))
        return HTTPStatus.OK, page_of(found[: -SHOWN - 1 : -1])


def page_of(messages: Sequence[Message]) -> str:
    """Return the page of these mails, in which nothing of theirs is markup outside its frame."""
    mails = "".join(map(_shown, messages)) or "<p>Nothing was mailed yet.</p>"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Mails</title><style>'
        "body{font:15px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}"
        "summary{cursor:pointer;padding:.4rem 0}iframe{width:100%;height:22rem;border:1px solid}"
        "pre{white-space:pre-wrap}time{float:right}</style></head><body><h1>Mails</h1>"
        f"<p>The newest {SHOWN} that the shop sent here; reload for more. JSON: "
        f'<a href="/messages">/messages</a></p>{mails}</body></html>'
    )


def _shown(mail: Message) -> str:
    return (
        f"<details><summary><b>{escape(mail.subject)}</b> to {escape(mail.to)} "
        f"<time>{escape(mail.received_at)}</time></summary>"
        f'<iframe sandbox="" srcdoc="{escape(mail.html)}"></iframe>'
        f"<pre>{escape(mail.text)}</pre></details>"
    )


def _timestamp(mail: dict[str, float]) -> float:
    return mail["Timestamp"]


def _moment(mail: dict[str, float]) -> str:
    at = datetime.fromtimestamp(_timestamp(mail), UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def start_mail(directory: Path, port: int, *, emulator_url: str) -> Server:
    """Start the inbox of an emulator."""
    return start_simulator("mail", directory, port, "--emulator", emulator_url)


def main(arguments: list[str] | None = None) -> None:
    """Serve until a signal ends the process."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.mail", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--emulator", required=True, metavar="URL")
    chosen = parser.parse_args(arguments)
    serve_until_signal(
        "inbox", "mail", chosen.port, lambda: MailServer(chosen.port, chosen.emulator)
    )


if __name__ == "__main__":
    main()
