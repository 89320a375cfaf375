"""The external delivery system, as far as this shop knows it: it takes shipment notices.

    DELIVERY_SECRET=… python -m infra.local.delivery --port 18081 [--state FILE]

POST /notices     a notice, once per Idempotency-Key (the order id), kind and, of UPDATEs, version;
                  401 if unsigned
GET  /notices     what was received, oldest first; ?order_id= narrows it
GET  /requests    every try to hand over a notice, with what became of it; ?order_id= narrows it
PUT  /behaviour   {"mode": ok | fail | hang | slow, "times": n or null, "seconds": number}
GET  /behaviour   the behaviour now, with the times that are left

A behaviour applies to POST /notices: `fail` answers 500 and keeps nothing, `hang` gives no answer
until the behaviour is changed and keeps nothing, `slow` answers after `seconds`. `times` is how
many requests it applies to before the system is `ok` again; null is for ever.

A notice is signed with X-Lastunit-Timestamp (seconds since the epoch, at most five minutes off) and
X-Lastunit-Signature, the hexadecimal HMAC-SHA256 of "{timestamp}.{body}" under DELIVERY_SECRET, or
under DELIVERY_PREVIOUS_SECRET while the shop changes its secret. Other requests need none.
"""

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Literal

from infra.local.json_server import (
    Answer,
    Json,
    JsonHandler,
    JsonServer,
    Refused,
    Route,
    invalid,
    is_integer,
    is_number,
    now,
    parsed,
    serve_until_signal,
)
from infra.local.process import Server
from infra.local.signatures import is_valid, kept_secret
from infra.local.simulator import start_simulator

KINDS = ("ORDER", "UPDATE", "WITHDRAWAL")
RECIPIENT = ("recipient", "phone", "line1", "country")  # what an address has at least
MODES = ("ok", "fail", "hang", "slow")
SLOW_LIMIT_SECONDS = 3600
CLIENT_CHECK_SECONDS = 0.2

Mode = Literal["ok", "fail", "hang", "slow"]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The outcome of the next `times` requests, or of all if it is None."""

    mode: Mode = "ok"
    times: int | None = None
    seconds: float = 3.0

    @classmethod
    def parse(cls, body: Json) -> "Behaviour":
        """Read a PUT /behaviour body. Raises Refused."""
        if unknown := sorted(set(body) - {"mode", "times", "seconds"}):
            raise invalid(f"unknown fields: {', '.join(unknown)}")
        mode, times = body.get("mode"), body.get("times")
        seconds = body.get("seconds", cls().seconds)
        if mode not in MODES:
            raise invalid(f"mode must be one of {', '.join(MODES)}")
        if times is not None and (not is_integer(times) or times < 1):
            raise invalid("times must be a whole number from 1, or null for ever")
        if not is_number(seconds) or not 0 <= seconds <= SLOW_LIMIT_SECONDS:
            raise invalid(f"seconds must be a number from 0 to {SLOW_LIMIT_SECONDS}")
        return cls(mode, times, float(seconds))


@dataclass(frozen=True, slots=True)
class Notice:
    """A shipment notice as it was received first."""

    order_id: str | int
    kind: str
    received_at: str
    lines: list[Json] = field(default_factory=list)
    version: int = 0
    ship_to: Json | None = None

    @property
    def key(self) -> tuple[str, str, int]:
        """Return what makes it the same notice again."""
        return str(self.order_id), self.kind, self.version if self.kind == "UPDATE" else 0

    @property
    def receipt(self) -> Json:
        """Return what the sender is answered."""
        return {"order_id": self.order_id, "kind": self.kind, "received_at": self.received_at}


@dataclass(slots=True)
class DeliverySystem:
    """The notices received, the requests seen and the behaviour; safe to use by many threads.

    A notice must be signed with one of the `secrets`.
    """

    secrets: Sequence[str]
    state_file: Path | None = None
    behaviour: Behaviour = Behaviour()
    _notices: dict[tuple[str, str, int], Notice] = field(default_factory=dict)
    _requests: list[Json] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _generation: int = 0

    def __post_init__(self) -> None:
        if self.state_file is None or not self.state_file.exists():
            return
        text = self.state_file.read_text()
        for line in text.splitlines():
            notice = _stored_notice(line)
            if notice is not None:
                self._notices[notice.key] = notice
        if text and not text.endswith("\n"):
            self.state_file.write_text(text + "\n")

    def change_behaviour(self, behaviour: Behaviour) -> None:
        """Meet requests differently from now on; hanging ones are dropped without an answer."""
        with self._changed:
            self.behaviour = behaviour
            self._generation += 1
            self._changed.notify_all()

    def next_behaviour(self) -> tuple[Behaviour, int]:
        """Take the behaviour for one request, and the generation it belongs to."""
        with self._changed:
            current = self.behaviour
            if current.times is not None:
                left = current.times - 1
                self.behaviour = replace(current, times=left) if left else Behaviour()
            return current, self._generation

    def hangs(self, generation: int, wait_seconds: float) -> bool:
        """Wait, and tell whether the behaviour of that generation still stands."""
        with self._changed:
            self._changed.wait_for(lambda: self._generation != generation, wait_seconds)
            return self._generation == generation

    def receive(self, notice: Notice) -> tuple[Json, bool]:
        """Keep a notice; return its receipt, and whether it has not been received before."""
        with self._changed:
            known = self._notices.get(notice.key)
            if known is not None:
                return known.receipt, False
            notice = replace(notice, received_at=now())
            self._store(notice)
            self._notices[notice.key] = notice
            return notice.receipt, True

    def record_request(
        self, key: str | None, signed_at: str | None, kind: str | None, outcome: str
    ) -> None:
        """Note a try to hand over a notice."""
        entry = {"order_id": key, "kind": kind, "outcome": outcome, "signed_at": signed_at}
        with self._changed:
            self._requests.append({**entry, "at": now()})

    def notices(self, order_id: str | None) -> list[Json]:
        """Return what was received, oldest first."""
        with self._changed:
            return [
                asdict(notice)
                for (key, _, _), notice in self._notices.items()
                if order_id in (None, key)
            ]

    def requests(self, order_id: str | None) -> list[Json]:
        """Return the tries seen since the start, oldest first."""
        with self._changed:
            return [entry for entry in self._requests if order_id in (None, entry["order_id"])]

    def _store(self, notice: Notice) -> None:
        if self.state_file is None:
            return
        with self.state_file.open("a") as output:
            output.write(json.dumps(asdict(notice)) + "\n")
            output.flush()
            os.fsync(output.fileno())


class DeliveryServer(JsonServer):
    """The delivery system on a loopback port."""

    def __init__(self, system: DeliverySystem, port: int) -> None:
        super().__init__(DeliveryHandler, port)
        self.system = system


class DeliveryHandler(JsonHandler):
    """One connection to the delivery system."""

    server: DeliveryServer
    server_version = "delivery-simulator"

    def route(self, method: str, path: str) -> Route | None:
        """Return what answers this path."""
        return {
            ("GET", "/notices"): self._show_notices,
            ("POST", "/notices"): self._take_notice,
            ("GET", "/requests"): self._show_requests,
            ("GET", "/behaviour"): self._show_behaviour,
            ("PUT", "/behaviour"): self._change_behaviour,
            ("GET", "/health"): lambda: (HTTPStatus.OK, {"status": "ok"}),
        }.get((method, path))

    def _show_notices(self) -> Answer:
        return HTTPStatus.OK, {"items": self.server.system.notices(self.asked_for("order_id"))}

    def _show_requests(self) -> Answer:
        return HTTPStatus.OK, {"items": self.server.system.requests(self.asked_for("order_id"))}

    def _show_behaviour(self) -> Answer:
        return HTTPStatus.OK, asdict(self.server.system.behaviour)

    def _change_behaviour(self) -> Answer:
        self.server.system.change_behaviour(Behaviour.parse(self.json_body()))
        return self._show_behaviour()

    def _take_notice(self) -> Answer | None:
        """Meet a notice as the behaviour says; None where no answer is to be given."""
        system = self.server.system
        key = self.headers.get("Idempotency-Key")
        note = partial(system.record_request, key, self.headers.get("X-Lastunit-Timestamp"))
        kind = None
        try:
            body = self.raw_body()
            self._require_signature(body)
            notice = _parse_notice(key, parsed(body))
            kind = notice.kind
        except Refused as refusal:
            is_unsigned = refusal.status == HTTPStatus.UNAUTHORIZED
            note(kind, "unauthenticated" if is_unsigned else "refused")
            raise
        behaviour, generation = system.next_behaviour()
        if behaviour.mode == "fail":
            note(kind, "failed")
            raise Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "told to fail")
        if behaviour.mode == "hang":
            note(kind, "hung")
            while system.hangs(generation, CLIENT_CHECK_SECONDS) and self.client_waits():
                pass
            return None
        if behaviour.mode == "slow":
            time.sleep(behaviour.seconds)
        receipt, is_first = system.receive(notice)
        note(kind, "received" if is_first else "repeated")
        return HTTPStatus.CREATED if is_first else HTTPStatus.OK, receipt

    def _require_signature(self, body: bytes) -> None:
        timestamp = self.headers.get("X-Lastunit-Timestamp", "")
        signed = self.headers.get("X-Lastunit-Signature", "")
        if not is_valid(signed, timestamp, body, self.server.system.secrets):
            raise Refused(HTTPStatus.UNAUTHORIZED, "the notice is not signed by the shop, just now")


def delivery_secret(directory: Path) -> str:
    """Return what the shop signs its notices with: made on first use, kept in the directory."""
    return kept_secret(directory, "delivery")


def start_delivery(directory: Path, port: int) -> Server:
    """Start the simulator; it keeps its notices in directory/delivery.jsonl over restarts."""
    state, secret = directory / "delivery.jsonl", delivery_secret(directory)
    return start_simulator("delivery", directory, port, "--state", state, DELIVERY_SECRET=secret)


def main(arguments: list[str] | None = None) -> None:
    """Serve until a signal ends the process."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.delivery", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path, help="keep the notices in this file over restarts")
    chosen = parser.parse_args(arguments)
    secret = os.environ.get("DELIVERY_SECRET")
    if not secret:
        sys.exit("DELIVERY_SECRET is not set: give the text that notices are to be signed with.")
    secrets = [secret, os.environ.get("DELIVERY_PREVIOUS_SECRET", "")]
    serve_until_signal(
        "delivery system", "delivery", chosen.port,
        lambda: DeliveryServer(DeliverySystem(secrets, chosen.state), chosen.port),
    )  # fmt: skip


def _parse_notice(key: str | None, body: Json) -> Notice:
    order_id, kind, lines = body.get("order_id"), body.get("kind"), body.get("lines")
    if not key:
        raise Refused(HTTPStatus.BAD_REQUEST, "the header Idempotency-Key is missing")
    if not isinstance(order_id, str | int) or isinstance(order_id, bool) or order_id == "":
        raise invalid("order_id must be a string or a whole number")
    if str(order_id) != key:
        raise invalid("Idempotency-Key must be the order_id")
    if not isinstance(kind, str) or kind not in KINDS:
        raise invalid(f"kind must be one of {', '.join(KINDS)}")
    if not isinstance(lines, list) or (kind != "WITHDRAWAL" and not lines):
        raise invalid("lines must be a list, and not empty unless it is a WITHDRAWAL")
    for index, line in enumerate(lines):
        _check_line(index, line)
    return Notice(order_id, kind, now(), lines, *_parse_content(body))


def _parse_content(body: Json) -> tuple[int, Json | None]:
    version, ship_to = body.get("version", 0), body.get("ship_to")
    if not is_integer(version) or version < 0:
        raise invalid("version must be a whole number from 0")
    if ship_to is not None and not (isinstance(ship_to, dict) and set(RECIPIENT) <= set(ship_to)):
        raise invalid(f"ship_to must be null, or have {', '.join(RECIPIENT)}")
    return version, ship_to


def _check_line(index: int, line: object) -> None:
    if not isinstance(line, dict) or not {"product_id", "product_name", "quantity"} <= set(line):
        raise invalid(f"lines[{index}] needs product_id, product_name and quantity")
    if not is_integer(line["quantity"]) or line["quantity"] < 1:
        raise invalid(f"lines[{index}].quantity must be a whole number from 1")


def _stored_notice(line: str) -> Notice | None:
    try:
        return Notice(**json.loads(line))
    except (ValueError, TypeError):
        return None  # the last line of a file whose writer was killed: it was never confirmed


if __name__ == "__main__":
    main()
