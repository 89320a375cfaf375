"""Play one whole drop on the running local system, and verify its proof: `make drop-demo`.

Five hundred shoppers enter for three units: eight who sign up, and a crowd whose accounts are made
in the database. Two hundred of them enter by HTTP, the others by the same use case. The entries are
sealed, a round of the beacon draws their order, and offers are bought, declined and cancelled, so
that units go to heirs. Then the proof is verified by docs/verify_drop.py, and an altered copy is
not. A page shows all of it.
"""

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from infra.local.api import Api, ApiRefused, Json
from infra.local.demo import Buyer, sign_up
from infra.local.drop_crowd import Member, crowd, enter_by_http, enter_here
from infra.local.drop_page import page
from infra.local.drops import publish_drop
from infra.local.errors import LocalError
from infra.local.functions import running_system
from infra.local.progress import Stages

ROOT = Path(__file__).parents[2]
DIRECTORY = ROOT / ".local" / "drop-demo"
VERIFIER = ROOT / "docs" / "verify_drop.py"
SHOPPERS, UNITS, PRICE_WON, CHARGED_WON = 8, 3, 95_000, 100_000
CROWD, CROWD_BY_HTTP = 492, 192  # shoppers besides those who sign up
HOW = (
    f"{SHOPPERS} shoppers signed up by HTTP. The accounts of {CROWD} were made in the database, as"
    " hashing their passwords takes minutes on a small machine. Of all of them"
    f" {SHOPPERS + CROWD_BY_HTTP} entered by HTTP, and {CROWD - CROWD_BY_HTTP} by the function's"
    " use case on the same database. Whoever was offered a unit acted by HTTP."
)
CLAIM_MINUTES = 1
SIGN_UP_SECONDS = 6  # of all shoppers, at most, where the phases are as long as said here
OPENS_SECONDS = (4, 20, 60)  # after the publication; the later ones where that took longer
ENTRIES_SECONDS, OFFERS_SECONDS = 12, 25  # after each other
PATIENCE_SECONDS = 120  # promote's every-minute run is the longest way round
POLL_SECONDS = 0.3

T = TypeVar("T")


@dataclass(slots=True)
class Shopper:
    """A user who has entered the drop."""

    buyer: Buyer
    drop: str
    entry_id: str

    @property
    def name(self) -> str:
        """The name in the output."""
        return self.buyer.login_id

    def entry(self) -> Json:
        """Their entry as it is now."""
        return self.buyer.api.call("GET", f"/drops/{self.drop}/entries/me")

    def wait_for_offer(self) -> Json:
        """Wait until they are offered a unit. Raises LocalError where they are not."""
        return _wait(self.entry, lambda entry: entry["status"] == "OFFERED", f"{self.name}'s offer")


class DropDemo:
    """One drop, played to its end."""

    def __init__(
        self, admin: Api, stages: Stages, *, pace: float = 1, crowd: Sequence[Member] = ()
    ) -> None:
        """Play with an admin's API, and a crowd besides those who sign up.

        `pace` makes each phase so many times as long, or more.
        """
        self._admin, self._anyone, self._stages = admin, Api(admin.base_url), stages
        self._pace, self._crowd = pace, crowd
        self.drop = self._product = ""
        self._line: list[Shopper] = []
        self._became: dict[str, str] = {}

    @property
    def names(self) -> dict[str, str]:
        """The name of each shopper, by the id of their entry."""
        return {shopper.entry_id: shopper.name for shopper in self._line}

    @property
    def became(self) -> dict[str, str]:
        """The outcome of each entry that was offered a unit, by its id."""
        return self._became

    def play(self) -> Json:
        """Play it; returns the proof. Raises LocalError where a step does not do what it should."""
        with self._stages.stage("Sign up") as outcome:
            began = time.monotonic()
            buyers = [sign_up(self._anyone) for _ in range(SHOPPERS)]
            # A slow machine gets longer phases, or its heirs' offers would come after the last one.
            self._pace = max(self._pace, (time.monotonic() - began) / SIGN_UP_SECONDS)
            outcome.is_now(f"{SHOPPERS} shoppers, and {len(self._crowd)} of a crowd")
        with self._stages.stage("Publish") as outcome:
            outcome.is_now(self._publish())
        with self._stages.stage("Enter") as outcome:
            shoppers = self._enter(buyers)
            outcome.is_now(f"{len(shoppers)} entries; an order beside the drop gets DROP_ONLY")
        with self._stages.stage("Seal") as outcome:
            outcome.is_now(self._sealed())
        with self._stages.stage("Draw") as outcome:
            outcome.is_now(self._drawn(shoppers))
        self._sell()
        with self._stages.stage("End") as outcome:
            outcome.is_now(self._ended())
        return self._proof()

    def _publish(self) -> str:
        brand = {
            "name": f"Onmaru drops {secrets.token_hex(2)}",
            "description": "Bowls of one firing.",
        }
        product = {
            "brand_id": self._admin.call("POST", "/admin/brands", brand)["brand_id"],
            "name": f"Tea Bowl, firing {secrets.token_hex(2)}",
            "description": f"{UNITS} of a kind, sold by a drop.",
            "price_amount": PRICE_WON,
        }
        self._product = self._admin.call("POST", "/admin/products", product)["product_id"]
        self._admin.call("PUT", f"/admin/products/{self._product}/stock", {"quantity": UNITS})
        waits = [self._pace * seconds for seconds in OPENS_SECONDS]
        drop = publish_drop(self._admin, self._terms, waits)
        self.drop = str(drop["drop_id"])
        return (
            f"{UNITS} units; the terms' hash {drop['terms_hash'][:16]}… and the beacon's round"
            f" {drop['beacon_round']} are public before anybody enters"
        )

    def _terms(self, entries_at: datetime) -> Json:
        draws_at = entries_at + self._pace * timedelta(seconds=ENTRIES_SECONDS)
        self._last_offer_at = draws_at + self._pace * timedelta(seconds=OFFERS_SECONDS)
        return {
            "lots": [{"product_id": self._product, "units": UNITS}],
            "entries_at": entries_at.isoformat(),
            "draws_at": draws_at.isoformat(),
            "offers_until": (self._last_offer_at + timedelta(minutes=CLAIM_MINUTES)).isoformat(),
            "claim_minutes": CLAIM_MINUTES,
            "verified_only": False,
        }

    def _enter(self, buyers: list[Buyer]) -> list[Shopper]:
        _wait(self._shown, lambda drop: drop["state"] == "ENTRIES", "the beginning of entries")
        by_http = [*buyers, *self._crowd[:CROWD_BY_HTTP]]
        entries = enter_by_http(by_http, self.drop)
        rest = self._crowd[CROWD_BY_HTTP:]
        entries += enter_here(rest, self.drop)
        if _refusal(lambda: self._order(buyers[0])) != "DROP_ONLY":
            raise _wrong("an order beside it is not refused")
        return [
            Shopper(buyer, self.drop, entry_id)
            for buyer, entry_id in zip([*by_http, *rest], entries, strict=True)
        ]

    def _sealed(self) -> str:
        _wait(lambda: _refusal(self._proof), lambda code: code is None, "the seal")
        proof = self._proof()
        return f"{proof['entries_count']} entries, entries_root {proof['entries_root'][:16]}…"

    def _drawn(self, shoppers: list[Shopper]) -> str:
        _wait(self._shown, lambda drop: drop["served"] == UNITS, "the draw")
        proof = self._proof()
        self._line = in_line(shoppers, proof)
        first = ", ".join(
            f"{place}. {shopper.name}" for place, shopper in enumerate(self._line[:SHOPPERS], 1)
        )
        late = len(shoppers) - proof["entries_count"]
        behind = f"; {late} came after the seal and stand behind" if late else ""
        return f"signature {proof['signature'][:16]}… gives the order {first}, …{behind}"

    def _sell(self) -> None:
        first, second, third, fourth, fifth, *_ = self._line
        with self._stages.stage("Buy") as outcome:
            outcome.is_now(f"{first.name} orders: {self._bought(first)}")
        with self._stages.stage("Decline") as outcome:
            second.buyer.api.call("DELETE", f"/drops/{self.drop}/entries/me")
            self._became[second.entry_id] = f"withdrew; the unit went to {fourth.name}"
            fourth.wait_for_offer()
            outcome.is_now(f"{second.name} withdraws; {fourth.name} is offered the unit")
        with self._stages.stage("Buy and cancel") as outcome:
            self._bought(third)
            self._cancel(third)
            self._became[third.entry_id] = f"bought and cancelled; the unit went to {fifth.name}"
            fifth.wait_for_offer()
            outcome.is_now(f"{third.name} cancels; {fifth.name} is offered the unit, not the stock")
        with self._stages.stage("Heirs buy") as outcome:
            bought = [f"{heir.name}: {self._bought(heir)}" for heir in (fourth, fifth)]
            outcome.is_now(", ".join(bought))

    def _ended(self) -> str:
        wait = (self._last_offer_at - datetime.now(UTC)).total_seconds()
        time.sleep(max(0, wait))
        last = self._line[4]
        self._cancel(last)
        self._became[last.entry_id] = "bought, and cancelled after the last offer: back in stock"
        _wait(self._shown, lambda drop: drop["state"] == "CLOSED", "the drop's end")
        report = self._anyone.call("GET", f"/drops/{self.drop}/report")
        stock = self._anyone.call("GET", f"/products/{self._product}")["stock_quantity"]
        return (
            f"{report['bought']} of {UNITS} units bought, {report['offers']} offers,"
            f" {report['oversold']} oversold; a purchase cancelled after the last offer puts"
            f" {stock} unit back in stock"
        )

    def _order(self, buyer: Buyer, **more: str) -> Json:
        lines = [{"product_id": self._product, "quantity": 1}]
        agreed = {"amount": PRICE_WON, "currency": "KRW"}
        body = {"lines": lines, "payment_method": "POINT", "expected_total": agreed, **more}
        return buyer.api.call("POST", "/orders", body, _key())

    def _bought(self, shopper: Shopper) -> str:
        entry, api = shopper.wait_for_offer(), shopper.buyer.api
        api.call("POST", "/users/me/points/charges", {"amount": CHARGED_WON}, _key())
        order = self._order(shopper.buyer, drop_entry_id=entry["entry_id"])
        status: str = order["status"]
        self._became[shopper.entry_id] = "bought the unit"
        return status

    def _cancel(self, shopper: Shopper) -> None:
        order_id = shopper.entry()["order_id"]
        shopper.buyer.api.call("POST", f"/orders/{order_id}/cancellation", {}, _key())

    def _shown(self) -> Json:
        return self._anyone.call("GET", f"/drops/{self.drop}")

    def _proof(self) -> Json:
        return self._anyone.call("GET", f"/drops/{self.drop}/proof")


def in_line(shoppers: Sequence[Shopper], proof: Json) -> list[Shopper]:
    """Return them by the places that the draw gave; behind those, who came after the seal."""
    places = {entry["entry_id"]: entry["position"] for entry in proof["entries"]}
    last = len(places) + 1
    return sorted(shoppers, key=lambda shopper: places.get(shopper.entry_id, last))


def verify(proof: Json, name: str, directory: Path = DIRECTORY) -> tuple[bool, list[str]]:
    """Store a proof and let the script verify it; return whether it is valid, and each claim."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / name
    file.write_text(json.dumps(proof, indent=1), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(VERIFIER), str(file)], capture_output=True, text=True, check=False
    )
    return done.returncode == 0, (done.stdout + done.stderr).splitlines()


def altered(proof: Json) -> Json:
    """Return a copy of a proof in which the first two in line have changed places."""
    copy: Json = json.loads(json.dumps(proof))
    first, second = sorted(copy["entries"], key=lambda each: each["position"])[:2]
    first["position"], second["position"] = second["position"], first["position"]
    return copy


def run(admin: Api, stages: Stages, crowd: Sequence[Member] = ()) -> None:
    """Play a drop, and verify its proof and an altered one. Raises LocalError on a failure."""
    demo = DropDemo(admin, stages, crowd=crowd)
    proof = demo.play()
    with stages.stage("Verify") as outcome:
        is_valid, claims = verify(proof, "proof.json")
        outcome.is_now(f"python3 docs/verify_drop.py {DIRECTORY / 'proof.json'}")
    for claim in claims:
        stages.say(f"    {claim}", "" if claim.startswith("ok") else "red")
    report = admin.call("GET", f"/drops/{demo.drop}/report")
    shown = DIRECTORY / "drop.html"
    shown.write_text(page(proof, report, claims, demo.names, demo.became, HOW), encoding="utf-8")
    if not is_valid:
        raise _wrong("its proof is not valid")
    with stages.stage("An altered copy") as outcome:
        is_valid, claims = verify(altered(proof), "altered.json")
        outcome.is_now("the first two in line have changed places; the script says")
    for claim in claims:
        if not claim.startswith("ok"):
            stages.say(f"    {claim}")
    if is_valid:
        raise _wrong("an altered proof is valid")
    stages.say(f"The proof is public: {admin.base_url}/drops/{demo.drop}/proof", "bold")
    stages.say(f"All of it on a page: {shown.as_uri()}", "bold")


def _wait(look: Callable[[], T], is_there: Callable[[T], bool], what: str) -> T:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_there(seen := look()):
        if time.monotonic() > deadline:
            raise LocalError(
                f"{what[0].upper()}{what[1:]} has not come after {PATIENCE_SECONDS} s:"
                ' see make ops ARGS="drops list", and make ops ARGS=logs.'
            )
        time.sleep(POLL_SECONDS)
    return seen


def _refusal(call: Callable[[], Any]) -> str | None:
    """Return the code with which a call is refused; None where it is not."""
    try:
        call()
    except ApiRefused as refusal:
        return str(refusal.code)
    return None


def _wrong(what: str) -> LocalError:
    return LocalError(f"The drop is not as it should be: {what}.")


def _key() -> str:
    return secrets.token_hex(16)


def main() -> None:
    """Play it on the running local system; the exit code is 1 on a failure."""
    stages = Stages()
    try:
        running = running_system()
        admin = Api(running["API_URL"], running["ADMIN_TOKEN"])
        run(admin, stages, crowd(Api(admin.base_url), CROWD, running))
    except LocalError as error:
        stages.say(f"✗ {error}", style="red")
        sys.exit(1)


if __name__ == "__main__":
    main()
