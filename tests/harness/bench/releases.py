"""From a unit's release to its heir's offer, on the system that runs here (`make up`).

Units are withdrawn by HTTP, one after another, and offered by promote as the system wakes it. The
seconds are those of the drop's own report. Where the queue is lost, its messages come after 15
minutes: promote's schedule alone finds the heirs.
"""

import secrets
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from functools import partial
from multiprocessing import get_context

import boto3

from infra.local.api import Api, Json
from infra.local.drop_crowd import Member, crowd, enter_here
from infra.local.drops import publish_drop
from infra.local.errors import LocalError
from infra.local.functions import running_system
from tests.harness.bench.report import Report
from tests.support.other_connection import wait_until

TABLE = "drops, on the system that runs"
UNITS, UNITS_OF_SCHEDULE = 100, 20
OPENS_SECONDS = (10, 30, 60)
ENTRIES_SECONDS, CLAIM_MINUTES = 30, 15
PATIENCE_SECONDS = 300
LATER_SECONDS = "900"


def releases(report: Report) -> None:
    """Measure both ways on which an heir is found, if a system runs here."""
    try:
        running_system()
    except LocalError:
        report.say("from release to heir: skipped, as no system runs here (make up)")
        return
    for units, is_lost, goal in (
        (UNITS, False, "p99 ≤ 2 s"),
        (UNITS_OF_SCHEDULE, True, "≤ 65 s"),
    ):
        what = f"{units} releases to heirs{', the queue lost' if is_lost else ''}"
        report.say(what)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
            found = apart.submit(freed, units, is_lost).result()
        figures = {f"{name}_s": round(found[f"free_seconds_{name}"], 2) for name in _SHOWN}
        report.add(TABLE, what, goal, **figures)


_SHOWN = ("p50", "p99", "max")


def freed(units: int, is_queue_lost: bool) -> Json:  # noqa: FBT001  (sent to another process)
    """Let so many who have an offer withdraw; return the drop's report once all have heirs.

    To be run in a process of its own, as it takes on the environment of a function.
    """
    running = running_system()
    admin = Api(running["API_URL"], running["ADMIN_TOKEN"])
    members = crowd(Api(admin.base_url), 2 * units, running)
    drop = str(
        publish_drop(admin, partial(_terms, _product(admin, units), units), OPENS_SECONDS)[
            "drop_id"
        ]
    )
    _wait(admin, drop, state="ENTRIES")
    entries = dict(zip(enter_here(members, drop), members, strict=True))
    _wait(admin, drop, state="OFFERING", served=units)
    with _late_messages() if is_queue_lost else nullcontext():
        for member in _offered(admin, drop, entries, units):
            member.api.call("DELETE", f"/drops/{drop}/entries/me")
        _wait(admin, drop, served=2 * units)
    admin.call("POST", f"/admin/drops/{drop}/cancellation", {"reason": "Measured"}, _key())
    return admin.call("GET", f"/drops/{drop}/report")


def _terms(product: str, units: int, entries_at: datetime) -> Json:
    draws_at = entries_at + timedelta(seconds=ENTRIES_SECONDS)
    return {
        "lots": [{"product_id": product, "units": units}],
        "entries_at": entries_at.isoformat(),
        "draws_at": draws_at.isoformat(),
        "claim_minutes": CLAIM_MINUTES,
        "verified_only": False,
    }


def _product(admin: Api, units: int) -> str:
    name = f"Measured {secrets.token_hex(4)}"
    brand = admin.call("POST", "/admin/brands", {"name": name, "description": "Of a benchmark."})
    terms = {"brand_id": brand["brand_id"], "name": name, "description": name, "price_amount": 10}
    product = str(admin.call("POST", "/admin/products", terms)["product_id"])
    admin.call("PUT", f"/admin/products/{product}/stock", {"quantity": units})
    return product


def _offered(admin: Api, drop: str, entries: dict[str, Member], units: int) -> list[Member]:
    """Return who was drawn to the first places."""
    line = admin.call("GET", f"/drops/{drop}/proof")["entries"]
    return [entries[each["entry_id"]] for each in line if each["position"] <= units]


def _wait(admin: Api, drop: str, **values: object) -> None:
    def is_so() -> bool:
        seen = admin.call("GET", f"/drops/{drop}")
        return all(seen[name] == value for name, value in values.items())

    wait_until(is_so, PATIENCE_SECONDS)


@contextmanager
def _late_messages() -> Iterator[None]:
    """Hold back what is sent to promote's queue within the block."""
    sqs = boto3.client("sqs")
    [url] = [each for each in sqs.list_queues()["QueueUrls"] if each.endswith("drop-promotion")]
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds"])
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": LATER_SECONDS})
    try:
        yield
    finally:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=before["Attributes"])


def _key() -> str:
    return secrets.token_hex(16)
