"""The deployed stack as its users, its operators and its neighbours meet it: HTTP and AWS."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import boto3
import pg8000.native
import psutil
import urllib3
from botocore.config import Config
from botocore.exceptions import ClientError

from infra.local.system import LocalSystem
from tests.e2e.caller import Json
from tests.e2e.eventually import eventually

STACK_NAME = "lastunit"
REGION = "us-east-1"
REMEMBERED = "E2E_STACK"
NOT_MADE = "unknown"  # LocalStack's free edition calls so what it does not have
NO_PROCESS = "the emulator's processes cannot be seen from here"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses of a running stack, by the names in .local/env."""

    api_url: str
    database_url: str
    aws_endpoint_url: str
    delivery_url: str
    gateway_url: str
    admin_token: str

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> "Addresses":
        """Read API_URL and its siblings. Raises KeyError where one is missing."""
        return cls(**{item.name: variables[item.name.upper()] for item in fields(cls)})


def remember_running_stack() -> None:
    """Keep the addresses of a stack that runs already, before other servers' take their names.

    DATABASE_URL and AWS_ENDPOINT_URL are also what the integration tests call their own.
    """
    if os.environ.get("API_URL") and REMEMBERED not in os.environ:
        names = [item.name.upper() for item in fields(Addresses)]
        if missing := [name for name in names if not os.environ.get(name)]:
            raise ValueError(f"API_URL is set, but not {', '.join(missing)}: source .local/env")
        os.environ[REMEMBERED] = json.dumps({name: os.environ[name] for name in names})


def running_stack() -> Addresses | None:
    """Return where a stack runs already, None where there is none."""
    remembered = os.environ.get(REMEMBERED)
    return Addresses.read(json.loads(remembered)) if remembered else None


@dataclass(frozen=True, slots=True)
class DeliverySystem:
    """The delivery simulator: what it was asked, what it keeps, how it behaves."""

    url: str
    _http: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(retries=False, timeout=10)
    )

    def notices(self, order_id: str) -> list[Json]:
        """Return the notices it keeps of an order."""
        return self._items("/notices", order_id)

    def attempts(self, order_id: str) -> list[str]:
        """Return what became of each try to hand over an order's notice, oldest first."""
        return [attempt["outcome"] for attempt in self._items("/requests", order_id)]

    def moments(self, order_id: str) -> list[datetime]:
        """Return when each try was made."""
        return [
            datetime.fromisoformat(attempt["at"]) for attempt in self._items("/requests", order_id)
        ]

    def behave(self, mode: str, times: int | None = None, seconds: float = 1) -> None:
        """Change how it meets the next requests; `seconds` is how slow it is."""
        body = json.dumps({"mode": mode, "times": times, "seconds": seconds}).encode()
        answer = self._http.request("PUT", f"{self.url}/behaviour", body=body)
        assert answer.status == 200, answer.data

    def _items(self, path: str, order_id: str) -> list[Json]:
        answer = self._http.request("GET", self.url + path)
        assert answer.status == 200, answer.data
        return [item for item in answer.json()["items"] if item["order_id"] == order_id]


@dataclass(frozen=True, slots=True)
class PaymentGateway:
    """The gateway simulator: what it holds, and how it behaves."""

    url: str
    _http: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(retries=False, timeout=10)
    )

    def transactions(self, order_id: str) -> list[Json]:
        """Return what it holds of an order."""
        answer = self._http.request("GET", f"{self.url}/transactions?orderId={order_id}")
        assert answer.status == 200, answer.data
        items: list[Json] = answer.json()["items"]
        return items

    def behave(self, mode: str, **more: Any) -> None:
        """Change how it meets the next requests."""
        body = json.dumps({"mode": mode, **more}).encode()
        answer = self._http.request("PUT", f"{self.url}/behaviour", body=body)
        assert answer.status == 200, answer.data


class Stack:
    """A deployed stack. `system` is there where this run started it."""

    def __init__(self, addresses: Addresses, system: LocalSystem | None = None) -> None:
        self.addresses = addresses
        self.system = system
        self.delivery = DeliverySystem(addresses.delivery_url)
        self.gateway = PaymentGateway(addresses.gateway_url)

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The outputs of the CloudFormation stack."""
        found = self.aws("cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"][0]
        return {item["OutputKey"]: item["OutputValue"] for item in found["Outputs"]}

    @cached_property
    def token_keys(self) -> dict[str, str]:
        """The keys that sign tokens, by kid; `current` names one."""
        secret = self.aws("secretsmanager").get_secret_value(
            SecretId=self.outputs["TokenSecretArn"]
        )
        keys: dict[str, str] = json.loads(secret["SecretString"])
        return keys

    def aws(self, service: str) -> Any:
        """Return a boto3 client of the stack's account."""
        return boto3.client(  # type: ignore[call-overload]  # stubs want a literal
            service,
            endpoint_url=self.addresses.aws_endpoint_url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(proxies={}, retries={"total_max_attempts": 1}, read_timeout=60),
        )

    @contextmanager
    def database(self, name: str = "") -> Iterator[pg8000.native.Connection]:
        """Open a connection to the database, or another of its server, that may idle for long."""
        url = urlsplit(self.addresses.database_url)
        with closing(
            pg8000.native.Connection(
                url.username or "",
                password=url.password,
                host=url.hostname or "",
                port=url.port or 5432,
                database=name or url.path.lstrip("/"),
            )
        ) as connection:
            for setting in (
                "lock_timeout",
                "statement_timeout",
                "idle_in_transaction_session_timeout",
            ):
                connection.run(f"SET {setting} = '60s'")
            yield connection

    @cached_property
    def is_on_free_localstack(self) -> bool:
        """Return whether it runs on free LocalStack, which creates only part of the template."""
        return self.physical_id("Dashboard") == NOT_MADE

    def physical_id(self, logical_id: str) -> str:
        """Return what a resource of the template, or of its nested stack, is called."""
        try:
            return self._physical_id(STACK_NAME, logical_id)
        except ClientError:  # the emulator has all in one stack, LocalStack and AWS do not
            background = self._physical_id(STACK_NAME, "Background")
            return self._physical_id(background, logical_id)

    def _physical_id(self, stack_name: str, logical_id: str) -> str:
        found = self.aws("cloudformation").describe_stack_resource(
            StackName=stack_name, LogicalResourceId=logical_id
        )
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def invoke(self, logical_id: str, event: Json) -> Json:
        """Run a function, by the name that the template has for it; return its answer."""
        answer = self.aws("lambda").invoke(
            FunctionName=self.physical_id(logical_id), Payload=json.dumps(event)
        )
        done: Json = json.load(answer["Payload"])
        assert "FunctionError" not in answer, done
        return done

    def send(self, output: str, body: str) -> None:
        """Send a message to the queue whose URL is that output of the stack."""
        self.aws("sqs").send_message(QueueUrl=self.outputs[output], MessageBody=body)

    def take_message(self, output: str, mark: str) -> str | None:
        """Remove a message with the mark in its body from a queue; return the body, if any."""
        sqs, url = self.aws("sqs"), self.outputs[output]
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=1)
        for message in found.get("Messages", []):
            if mark in message["Body"]:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                return str(message["Body"])
        return None

    def waiting_messages(self, output: str) -> int:
        """Count the messages of a queue, those in flight included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.aws("sqs").get_queue_attributes(
            QueueUrl=self.outputs[output], AttributeNames=names
        )
        return sum(int(found["Attributes"][name]) for name in names)

    def wait_until_quiet(self) -> None:
        """Wait until every event is published and shipping has nothing left to do."""
        with self.database() as database:
            eventually(lambda: not unpublished_events(database))
        queues = "ShippingQueueUrl", "WithdrawalQueueUrl"
        eventually(
            lambda: not any(map(self.waiting_messages, queues)),
        )

    def fail_deliveries(self) -> None:
        """Let the delivery system fail, once it has what was meant for it before.

        Else notices of other tests' orders become dead letters, which nothing redrives.
        """
        self.wait_until_quiet()
        self.delivery.behave("fail")

    def worker_on_port(self, port: int) -> psutil.Process | None:
        """Return the function's process that a connection's client port belongs to."""
        for each in psutil.net_connections("tcp"):
            is_client = each.laddr and each.laddr.port == port
            if is_client and each.status == psutil.CONN_ESTABLISHED and each.pid:
                return psutil.Process(each.pid)
        return None


def unpublished_events(database: pg8000.native.Connection, *aggregate_ids: str) -> int:
    """Count the events that wait in the outbox: all, or those of some aggregates."""
    sql = "SELECT count(*) FROM outbox WHERE published_at IS NULL"
    if aggregate_ids:
        sql += " AND aggregate_id::text = ANY(:ids)"
        return int(database.run(sql, ids=list(aggregate_ids))[0][0])
    return int(database.run(sql)[0][0])
