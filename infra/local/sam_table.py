"""Checks the answers of `sam local`, and writes them to .local/artifacts/sam-local.md."""

import json
import re
import secrets
import subprocess
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from infra.local.api import Api, Json
from infra.local.demo import CHARGED_WON
from infra.local.errors import LocalError
from infra.template import ROOT, Function

PAGE = ROOT / ".local" / "artifacts" / "sam-local.md"
START_TIMEOUT_SECONDS = 120
WIDTH = 88
TOKEN = re.compile(r"eyJ[\w-]+\.[\w.-]+")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
HEAD = """# Every function by `sam local`

`make sam-local FUNCTION=all` wrote this page: `sam local invoke` ran each function once, in a
container of its own, with its sample event, against the servers of `make up`. Before, what the
sample names was put into the shop: a user, a product, an order that is confirmed or shipped, a
payment. So every HTTP function must answer 2xx, a queue's function must report no failed message,
and no other may fail; the target fails where one does not. A queue's function gets an event that
has just been recorded, and so was perhaps consumed already: once or twice, its answer is the same.
Ids are shown as `…`. Layers were laid into the functions' packages, as for LocalStack, since SAM
makes an image of them anew for each function; where one function or the API is asked for, they are
layers.

| function | event | answer |
|---|---|---|
"""
API_HEAD = """
## The API by `sam local start-api`

`make sam-local FUNCTION=api` serves it; asked in this order (packages as above):

| request | answer |
|---|---|
"""


@dataclass(frozen=True, slots=True)
class Invocation:
    """A function that was run, and what it answered: None where it did not."""

    function: Function
    answer: Any
    log: str

    @classmethod
    def of(cls, function: Function, ended: "subprocess.CompletedProcess[str]") -> "Invocation":
        """Read the answer from the last line of what SAM printed."""
        lines = ended.stdout.strip().splitlines() or [""]
        try:
            return cls(function, json.loads(lines[-1]), ended.stderr)
        except ValueError:
            return cls(function, None, ended.stderr)

    @property
    def is_right(self) -> bool:
        """Tell whether the function answered as it should."""
        if not isinstance(self.answer, dict) or "errorType" in self.answer:
            return False
        if self.function.trigger == "http":
            return int(self.answer.get("statusCode", 500)) // 100 == 2
        return self.function.trigger != "sqs" or self.answer == {"batchItemFailures": []}

    @property
    def shown(self) -> str:
        """The answer on a line."""
        if isinstance(self.answer, dict) and "statusCode" in self.answer:
            return _shown(f"{self.answer['statusCode']} {self.answer.get('body') or ''}")
        return _shown(json.dumps(self.answer))


@dataclass(frozen=True, slots=True)
class ApiCall:
    """A request to the API that start-api serves."""

    request: str
    status: int
    body: Json

    @property
    def is_right(self) -> bool:
        """Tell whether it was accepted."""
        return 200 <= self.status < 300

    @property
    def shown(self) -> str:
        """The answer on a line."""
        return _shown(f"{self.status} {json.dumps(self.body)}")


def calls_of_an_order(base_url: str) -> Iterator[ApiCall]:
    """Browse, sign up, charge, order and look at the order, at the API of that address.

    Raises LocalError where the API does not answer in time.
    """
    anyone = Api(base_url)
    _wait_until_served(anyone)
    browsed = _ask(anyone, "GET", "/products?sort=price_asc&limit=1")
    yield browsed
    login_id = f"api{secrets.token_hex(3)}"
    registration = {
        "login_id": login_id,
        "password": "correct horse battery",
        "name": "Wile E. Coyote",
        "email": f"{login_id}@example.com",
        "birth_date": "1990-04-12",
        "gender": "OTHER",
    }
    yield _ask(anyone, "POST", "/users", registration)
    login = {name: registration[name] for name in ("login_id", "password")}
    session = _ask(anyone, "POST", "/sessions", login)
    yield session
    buyer = anyone.as_owner_of(session.body.get("access_token", ""))
    yield _ask(buyer, "POST", "/users/me/points/charges", {"amount": CHARGED_WON})
    [product] = browsed.body.get("items") or [{"product_id": "none"}]
    lines = [{"product_id": product["product_id"], "quantity": 1}]
    placed = _ask(buyer, "POST", "/orders", {"lines": lines, "payment_method": "POINT"})
    yield placed
    yield _ask(buyer, "GET", f"/orders/{placed.body.get('order_id', 'none')}")


def write_table(invocations: Iterable[Invocation], calls: Iterable[ApiCall]) -> None:
    """Write the page of all answers to `PAGE`."""
    functions = [
        f"| {each.function.logical_id} | {each.function.event_file} | {each.shown} |\n"
        for each in invocations
    ]
    requests = [f"| {each.request} | {each.shown} |\n" for each in calls]
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text("".join([HEAD, *functions, API_HEAD, *requests]), encoding="utf-8")


def _ask(api: Api, method: str, path: str, body: Json | None = None) -> ApiCall:
    key = secrets.token_hex(16) if method == "POST" and api.token else None
    return ApiCall(f"{method} {UUID.sub('…', path)}", *api.request(method, path, body, key))


def _wait_until_served(api: Api) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        try:
            api.request("GET", "/health")
        except LocalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
        else:
            return


def _shown(text: str) -> str:
    """Return the text as one cell: no ids, no tokens, no longer than a line."""
    plain = TOKEN.sub("…", UUID.sub("…", " ".join(text.split())))
    cut = plain if len(plain) <= WIDTH else plain[: WIDTH - 2] + " …"
    return "`" + cut.replace("`", "'").replace("|", "\\|") + "`"
