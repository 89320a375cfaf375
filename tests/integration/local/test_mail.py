"""The local inbox shows what the emulator's SES took, and nothing of a mail is run."""

import re
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import urllib3

from commerce.app.mail_feedback import read_feedback
from commerce.user.recipients import Suppression
from infra.local.deployment import set_up_mail
from infra.local.emulator import start_emulator
from infra.local.mail import SHOWN, page_of, start_mail
from infra.local.ports import LOOPBACK, Ports

SENDER = "shop@example.com"


@pytest.fixture(scope="module")
def ses_and_inbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, str]]:
    ports = Ports.free()
    emulator = start_emulator(tmp_path_factory.mktemp("emulator"), ports.emulator)
    inbox = start_mail(tmp_path_factory.mktemp("mail"), ports.mail, emulator_url=emulator.url)
    ses = boto3.client(
        "ses", endpoint_url=emulator.url, region_name="us-east-1",
        aws_access_key_id="local", aws_secret_access_key="local",
    )  # fmt: skip
    ses.verify_email_identity(EmailAddress=SENDER)
    yield ses, inbox.url
    inbox.stop()
    emulator.stop()


def send(ses: Any, to: str, subject: str, html: str = "<p>html</p>") -> None:
    body = {"Text": {"Data": "text"}, "Html": {"Data": html}}
    ses.send_email(
        Source=SENDER, Destination={"ToAddresses": [to]},
        Message={"Subject": {"Data": subject}, "Body": body},
    )  # fmt: skip


def get(url: str) -> urllib3.BaseHTTPResponse:
    return urllib3.request("GET", url, retries=False, timeout=10)


def test_the_inbox_has_every_mail_as_json_oldest_first(ses_and_inbox: tuple[Any, str]) -> None:
    ses, url = ses_and_inbox
    send(ses, "wile@example.com", "first")
    send(ses, "other@example.com", "between")
    send(ses, "wile@example.com", "\ub450 \ubc88\uc9f8")
    found = get(f"{url}/messages?to=WILE@example.com").json()["items"]
    assert [each["subject"] for each in found] == ["first", "\ub450 \ubc88\uc9f8"]
    assert [(each["to"], each["text"], each["html"]) for each in found] == [
        ("wile@example.com", "text", "<p>html</p>")
    ] * 2
    assert found[0]["received_at"] < found[1]["received_at"]
    assert {"first", "between"} <= {
        each["subject"] for each in get(f"{url}/messages").json()["items"]
    }


def test_the_page_shows_mails_in_frames_without_scripts(ses_and_inbox: tuple[Any, str]) -> None:
    ses, url = ses_and_inbox
    send(ses, "page@example.com", "<script>1</script>", '"><script>alert(1)</script>')
    page = get(f"{url}/?to=page@example.com")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    said = page.data.decode()
    assert "<script" not in said
    assert "&lt;script&gt;1&lt;/script&gt;" in said
    assert said.count('<iframe sandbox="" srcdoc="&quot;&gt;') == 1


def test_the_page_has_the_newest_mail_first_and_a_hundred_at_most(
    ses_and_inbox: tuple[Any, str],
) -> None:
    ses, url = ses_and_inbox
    for number in range(SHOWN + 1):
        send(ses, "many@example.com", f"mail {number:03}")
    said = get(f"{url}/?to=many@example.com").data.decode()
    subjects = re.findall(r"<b>mail (\d+)</b>", said)
    assert subjects == [f"{number:03}" for number in range(SHOWN, 0, -1)]


def test_an_empty_inbox_says_so() -> None:
    assert "Nothing was mailed yet" in page_of([])


def test_an_emulator_that_is_gone_is_said(tmp_path_factory: pytest.TempPathFactory) -> None:
    ports = Ports.free()
    inbox = start_mail(
        tmp_path_factory.mktemp("mail"), ports.mail,
        emulator_url=f"http://{LOOPBACK}:{ports.emulator}",
    )  # fmt: skip
    try:
        answer = get(f"{inbox.url}/messages")
        assert (answer.status, answer.json()["detail"]) == (502, "the emulator does not answer")
    finally:
        inbox.stop()


@pytest.mark.parametrize(
    ("name", "reason"), [("bounce", Suppression.BOUNCE), ("complaint", Suppression.COMPLAINT)]
)
def test_what_the_mail_service_reports_arrives_as_it_is_read(
    ses_and_inbox: tuple[Any, str], name: str, reason: Suppression
) -> None:
    ses, _ = ses_and_inbox
    account = {
        "endpoint_url": ses.meta.endpoint_url, "region_name": "us-east-1",
        "aws_access_key_id": "local", "aws_secret_access_key": "local",
    }  # fmt: skip
    sns, sqs = boto3.client("sns", **account), boto3.client("sqs", **account)
    topic = sns.create_topic(Name=f"feedback-{name}")["TopicArn"]
    queue = sqs.create_queue(QueueName=f"feedback-{name}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn["QueueArn"],
        Attributes={"RawMessageDelivery": "true"},
    )  # fmt: skip
    set_up_mail(ses, topic)
    address = f"{name}+wile@simulator.amazonses.com"
    send(ses, address, "Hello")
    [message] = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)["Messages"]
    assert read_feedback(message["Body"]) == (reason, [address])
