"""Each worker's environment: a database, a bus with a queue, a part of Valkey, simulators."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

import boto3

from infra.local.beacon import relay_urls, start_beacon
from infra.local.delivery import delivery_secret, start_delivery
from infra.local.gateway import gateway_secret, start_gateway
from infra.local.ports import Ports
from tests.harness.crash.simulators import behave
from tests.harness.servers import servers
from tests.support.backends import own_database
from tests.support.bus import an_observed_bus
from tests.support.mails import verify_sender

TIME_SCALE = 0.02  # of the gateway: requests take 2 to 10 ms, results 20 to 100 ms
FIRST_VALKEY_DATABASE = 8

SETTINGS = {  # what takes minutes elsewhere takes a second here
    "BEACON_CHAIN": "SIMULATED",
    "FINGERPRINT_KEY": "a fingerprint key for the crash harness only",
    "GATEWAY_CALLBACK_URL": "http://127.0.0.1:9/payments/callbacks",  # nobody listens there
    "GATEWAY_GRACE_SECONDS": "1",
    "MAIL_SENDER": "shop@example.com",
    "ORDER_PAYABLE_MINUTES": "1440",  # no case's order expires in the hours of a long run
    "PAYMENT_RECONCILE_AFTER_SECONDS": "0",
    "POWERTOOLS_METRICS_DISABLED": "true",
    "SHIPPING_MAX_TRIES": "3",
    "SIGN_IN_KEYS": '{"current": "crash", "crash": "device tokens for the crash harness only"}',
    "SHIPPING_RETRY_BASE_SECONDS": "0",
    "TOKEN_LIFETIME_SECONDS": "86400",
}


@contextmanager
def environments(count: int) -> Iterator[list[dict[str, str]]]:
    """Make environments, each as the variables that lead to it.

    They are on the servers that the environment names already, else on new ones.
    """
    is_served = "SUPERUSER_URL" in os.environ and "AWS_ENDPOINT_URL" in os.environ
    with (
        nullcontext(os.environ.get("SUPERUSER_URL", "")) if is_served else servers() as superuser,
        ExitStack() as stack,
    ):
        os.environ.update(SETTINGS)
        yield [stack.enter_context(_environment(superuser, number)) for number in range(count)]


@contextmanager
def _environment(superuser: str, number: int) -> Iterator[dict[str, str]]:
    directory = Path(tempfile.mkdtemp(prefix="lastunit-faults-"))
    bus = an_observed_bus()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        ports = Ports.free()
        gateway = start_gateway(directory, ports.gateway, TIME_SCALE)
        stack.callback(gateway.stop)
        delivery = start_delivery(directory, ports.delivery)
        stack.callback(delivery.stop)
        beacon = start_beacon(directory, ports.beacon)
        stack.callback(beacon.stop)
        # Callbacks are lost: the reconciler asks. Else the gateway is well.
        behave(gateway.url, {"mode": "lose_callback"})
        verify_sender()
        server = os.environ["VALKEY_URL"].rpartition("/")[0]
        yield {
            "DATABASE_URL": stack.enter_context(own_database(superuser)),
            "VALKEY_URL": f"{server}/{FIRST_VALKEY_DATABASE + number}",
            "EVENT_BUS_NAME": bus.name,
            "CRASH_QUEUE_URL": bus.queue_url,
            "OPS_TOPIC_ARN": boto3.client("sns").create_topic(Name=f"ops-{secrets.token_hex(6)}")[
                "TopicArn"
            ],
            "GATEWAY_URL": gateway.url,
            "GATEWAY_SECRET": gateway_secret(directory),
            "DELIVERY_URL": delivery.url,
            "DELIVERY_SECRET": delivery_secret(directory),
            "BEACON_URLS": relay_urls(beacon.url),
        }
