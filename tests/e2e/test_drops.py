"""Drops on the deployed stack: one to its verified proof, and one that staff change and cancel."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path

from infra.local.api import Api
from infra.local.drop_demo import UNITS, DropDemo, altered, verify
from infra.local.drops import publish_drop
from infra.local.progress import Stages
from tests.e2e.caller import Json, a_drop
from tests.e2e.eventually import eventually
from tests.e2e.shop import Shop
from tests.e2e.stack import Stack
from tests.support.altered_proofs import ALTERED, Proof, failures


def test_a_drop_is_played_to_its_end_and_its_proof_is_valid(stack: Stack, tmp_path: Path) -> None:
    admin = Api(stack.addresses.api_url, stack.addresses.admin_token)
    demo = DropDemo(admin, Stages.silent(), pace=4)

    proof = demo.play()

    assert admin.call("GET", f"/drops/{demo.drop}/report") == {
        **admin.call("GET", f"/drops/{demo.drop}/report"),
        "entries": 8, "offers": UNITS + 2, "bought": UNITS - 1, "cancelled": 2, "oversold": 0,
        "statuses": {"BOUGHT": 2, "CANCELLED": 2, "VOID": 3, "WITHDRAWN": 1},
    }  # fmt: skip
    is_valid, claims = verify(proof, "proof.json", tmp_path)
    assert (is_valid, [claim for claim in claims if not claim.startswith("ok")]) == (True, [])
    is_valid, claims = verify(altered(proof), "altered.json", tmp_path)
    assert not is_valid
    assert "FAIL positions are those of the draw" in claims
    assert_altered_copies_are_found(proof, tmp_path)


def assert_altered_copies_are_found(proof: Proof, directory: Path) -> None:
    """The verifier says of each altered copy of a downloaded proof what is wrong with it."""
    assert len(ALTERED) >= 10
    for name, (alter, claim) in ALTERED.items():
        copy = deepcopy(proof)
        alter(copy)
        assert any(claim in each for each in failures(copy, directory)), name


def test_a_drop_that_staff_change_and_cancel_gives_its_units_back(stack: Stack, shop: Shop) -> None:
    admin = Api(stack.addresses.api_url, stack.addresses.admin_token)
    product, first, second = shop.new_product(stock=5), shop.new_buyer(), shop.new_buyer()

    leads = [40, 120] if stack.is_on_free_localstack else [10, 30, 90]
    drop = drafted_and_published(admin, product, leads)
    path = f"/admin/drops/{drop}"
    assert [each["drop_id"] for each in listed(admin, "/drops?state=SCHEDULED", drop)] == [drop]
    eventually(lambda: admin.call("GET", f"/drops/{drop}")["state"] == "ENTRIES")
    entered, again = (first.api.send("POST", f"/drops/{drop}/entries", body={}) for _ in range(2))
    assert (entered.status, again.status) == (201, 200)
    entry = entered.json["entry_id"]
    assert again.json["entry_id"] == entry
    other = second.api.send("POST", f"/drops/{drop}/entries", body={}).require(201)
    withdrawn = second.api.send("DELETE", f"/drops/{drop}/entries/me").require(200)
    assert (withdrawn["entry_id"], withdrawn["status"]) == (other["entry_id"], "WITHDRAWN")
    assert shop.anyone.product(product).require(200)["availability"] == "STANDBY"

    assert admin.call("POST", f"{path}/units", {"add": 2})["lots"][0]["units"] == 3
    rule = {"entry_id": entry, "rule": "One per household"}
    admin.call("POST", f"{path}/disqualifications", rule)
    place = first.api.send("GET", f"/drops/{drop}/entries/me").require(200)
    assert place["status"] == "DISQUALIFIED"
    assert admin.call("GET", path)["statuses"] == {"DISQUALIFIED": 1, "WITHDRAWN": 1}
    assert shop.stock_of(product) == 2

    cancelled = admin.call("POST", f"{path}/cancellation", {"reason": "The kiln cracked"})

    assert (cancelled["state"], cancelled["lots"][0]["returned"]) == ("CANCELLED", 3)
    assert [each["drop_id"] for each in listed(admin, "/admin/drops", drop)] == [drop]
    assert admin.request("GET", f"/drops/{drop}/proof")[0] == 409
    page = shop.anyone.product(product).require(200)
    assert (page["availability"], page["stock_quantity"]) == ("ON_SALE", 5)


def drafted_and_published(admin: Api, product: str, leads: list[int]) -> str:
    """Draft a drop, edit the draft, publish it; its entries begin in the first lead that works."""

    def terms(entries_at: datetime) -> Json:
        moments = {"entries_at": entries_at, "draws_at": entries_at + timedelta(hours=1)}
        until = entries_at + timedelta(hours=2)
        return {
            **a_drop(product),
            **{name: at.isoformat() for name, at in moments.items()},
            "offers_until": until.isoformat(),
            "verified_only": False,
        }

    draft = admin.call("POST", "/admin/drops", terms(datetime.now(UTC) + timedelta(hours=1)))
    edited = admin.call("PATCH", f"/admin/drops/{draft['drop_id']}", {"claim_minutes": 5})
    assert (edited["state"], edited["claim_minutes"]) == ("DRAFT", 5)
    return str(publish_drop(admin, terms, leads)["drop_id"])


def listed(admin: Api, path: str, drop: str) -> list[Json]:
    """The drop, as a list's first page has it."""
    return [each for each in admin.call("GET", path)["items"] if each["drop_id"] == drop]
