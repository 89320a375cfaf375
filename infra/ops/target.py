"""The target of a command: a stack of the local system, of LocalStack or of an AWS account."""

import getpass
import os
import socket
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from commerce.runtime.messaging.dead_letters import Queue
from commerce.runtime.messaging.failing import SUFFIX
from infra.local.env_file import read_env

LOCAL_ENV = Path(__file__).parents[2] / ".local" / "env"
_OUTPUT = "DeadLetterQueueUrl"
_EXPLICIT = ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_ACCESS_KEY_ID")
_LOOPBACK = ("127.0.0.1", "localhost")
_LOCAL = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "us-east-1",
}


class OpsError(Exception):
    """The command did nothing; the message says what to do next."""


@cache
def client(service: str) -> Any:
    """Return a boto3 client for the account and endpoint that the environment names."""
    return boto3.client(  # type: ignore[call-overload]  # stubs want a literal
        service,
        config=Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 4}),
    )


def enter(environment: Mapping[str, str], local_env: Path = LOCAL_ENV) -> str:
    """Direct this process to the place that the environment names; returns the place's name.

    AWS_ENDPOINT_URL, AWS_PROFILE or AWS_ACCESS_KEY_ID decide. Without them it is the running local
    system, else AWS with its default credentials.
    """
    if not any(environment.get(name) for name in _EXPLICIT) and local_env.exists():
        os.environ.update(read_env(local_env))
        os.environ.update(_LOCAL)
    if endpoint := os.environ.get("AWS_ENDPOINT_URL"):
        os.environ.setdefault("AWS_DEFAULT_REGION", _LOCAL["AWS_DEFAULT_REGION"])
        if urlsplit(endpoint).hostname in _LOOPBACK and not _has_login():
            os.environ.update(_LOCAL)  # an emulator accepts any credentials, but not none
    return os.environ.get("AWS_ENDPOINT_URL") or "AWS"


def _has_login() -> bool:
    return any(os.environ.get(name) for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID"))


class Target:
    """A deployed stack."""

    def __init__(self, stack: str) -> None:
        self.stack = stack

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs; none if CloudFormation does not know the stack."""
        try:
            [found] = client("cloudformation").describe_stacks(StackName=self.stack)["Stacks"]
        except ClientError as error:
            if error.response["Error"]["Code"] in ("ValidationError", "InternalFailure"):
                return {}
            raise
        return {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}

    @cached_property
    def queues(self) -> dict[str, Queue]:
        """The queues that have dead letters, by name without the stack's."""
        keys = [key for key in self.outputs if key.endswith(_OUTPUT)]
        if keys:
            pairs = [
                (self.outputs[key], self.outputs.get(f"{key.removesuffix(_OUTPUT)}QueueUrl", ""))
                for key in keys
            ]
        else:
            pairs = self._by_their_names()
        queues = [Queue(self._name(url), source, url) for url, source in pairs]
        return {queue.name: queue for queue in sorted(queues, key=lambda each: each.name)}

    def queue(self, name: str) -> Queue:
        """Return the queue of this name, with or without stack and suffix. Raises OpsError."""
        short = name.removeprefix(f"{self.stack}-").removesuffix(SUFFIX)
        if short not in self.queues:
            known = ", ".join(self.queues) or f"none; is {self.stack} the right --stack?"
            raise OpsError(f"There is no queue {short} with dead letters. There are: {known}")
        return self.queues[short]

    def use_database(self) -> None:
        """Point the domain to the database: DATABASE_URL, else the stack's secret."""
        if os.environ.get("DATABASE_URL"):
            return
        if not (arn := self.outputs.get("DatabaseSecretArn")):
            raise OpsError(
                f"The stack {self.stack} names no DatabaseSecretArn: set DATABASE_URL, or --stack."
            )
        os.environ["DATABASE_SECRET_ARN"] = arn
        os.environ["DATABASE_PROXY_HOST"] = self.outputs.get("DatabaseProxyHost", "")

    def use_queues(self) -> None:
        """Point the domain to the stack's queues, as its functions find them. Raises OpsError."""
        queues = list(self.queues.values())
        if not queues:
            raise OpsError(f"No queue of a stack {self.stack} is found: is --stack right?")
        base = queues[0].dead_letters_url.rpartition("/")[0]
        os.environ["RELAY_QUEUE_URL"] = f"{base}/{self.stack}-outbox-nudge"
        os.environ["QUEUES"] = ",".join(each.name for each in queues if each.url)
        os.environ["DEAD_LETTER_ONLY_QUEUES"] = ",".join(e.name for e in queues if not e.url)

    def use_valkey(self) -> None:
        """Point the domain to Valkey, and set the time zone: VALKEY_URL, else the stack's."""
        for name, output in (
            ("VALKEY_URL", "ValkeyUrl"), ("VALKEY_SECRET_ARN", "ValkeySecretArn"),
            ("BUSINESS_TIME_ZONE", "BusinessTimeZone"),
        ):  # fmt: skip
            if not os.environ.get(name) and output in self.outputs:
                os.environ[name] = self.outputs[output]
        if not os.environ.get("VALKEY_URL"):
            raise OpsError(
                f"The stack {self.stack} names no ValkeyUrl: set VALKEY_URL, or --stack."
            )

    def _by_their_names(self) -> list[tuple[str, str]]:
        pages = (
            client("sqs")
            .get_paginator("list_queues")
            .paginate(QueueNamePrefix=f"{self.stack}-", PaginationConfig={"PageSize": 1000})
        )
        urls = {url.rpartition("/")[2]: url for page in pages for url in page.get("QueueUrls", [])}
        return [
            (url, urls.get(name.removesuffix(SUFFIX), ""))
            for name, url in urls.items()
            if name.endswith(SUFFIX)
        ]

    def _name(self, url: str) -> str:
        name = url.rpartition("/")[2]
        return name.removeprefix(f"{self.stack}-").removesuffix(SUFFIX)


def operator() -> str:
    """Return who runs the command: user and host, and the AWS identity if there is one."""
    person = f"{getpass.getuser()}@{socket.gethostname()}"
    try:
        return f"{person} ({client('sts').get_caller_identity()['Arn']})"
    except (ClientError, BotoCoreError):
        return person
