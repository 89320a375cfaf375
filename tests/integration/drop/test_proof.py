"""The verifier, run as an outsider runs it: on a proof, and on altered copies of it."""

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from commerce.app.transactions import in_transaction
from commerce.drop import DropFacade
from commerce.shared import clock
from tests.support.backends import ROOT
from tests.support.drops import (
    a_drop,
    a_proof,
    begin_entries,
    end_claims,
    join,
    promote,
    reach_draw,
)

pytestmark = pytest.mark.usefixtures("shop_environment")

VERIFIER = ROOT / "docs" / "verify_drop.py"
Proof = dict[str, Any]
Alter = Callable[[Proof], object]


@pytest.fixture
def proof() -> Proof:
    """A drop with heirs, somebody who withdrew, and somebody who came late."""
    drop_id, users = a_drop(2), [clock.new_id() for _ in range(8)]
    begin_entries(drop_id)
    for user in users:
        join(drop_id, user)
    reach_draw(drop_id)
    promote(drop_id)
    join(drop_id, clock.new_id())
    end_claims(drop_id)
    promote(drop_id)
    waiting = next(
        user
        for user in users
        if in_transaction(DropFacade.entry, str(drop_id), user_id=user).status == "WAITING"
    )
    in_transaction(DropFacade.withdraw, str(drop_id), user_id=waiting)
    end_claims(drop_id)
    promote(drop_id)
    return a_proof(drop_id)


def run(proof: Proof, directory: Path) -> tuple[int, list[str]]:
    """Run the script without our code; return its code and the claims that do not hold."""
    file = directory / "proof.json"
    file.write_text(json.dumps(proof))
    done = subprocess.run(
        [sys.executable, "-I", VERIFIER, file], capture_output=True, text=True, check=False
    )
    told = (done.stdout + done.stderr).splitlines()
    failed = [line[5:] for line in told if line.startswith("FAIL")]
    return done.returncode, failed


def of_kind(proof: Proof, kind: str) -> Any:
    return next(each["data"] for each in proof["log"] if each["kind"] == kind)


def swap_positions(proof: Proof) -> None:
    first, second = proof["entries"][:2]
    first["position"], second["position"] = second["position"], first["position"]


def swap_lots_signature(proof: Proof) -> None:
    proof["signature"] = "00" + proof["signature"][2:]


def rechained(alter: Alter) -> Alter:
    """Alter the log and chain it anew, as a seller could who rewrites all of it."""
    from commerce.drop.draw import chain

    def altered(proof: Proof) -> None:
        alter(proof)
        for number, record in enumerate(proof["log"], 1):
            record["number"] = number
        said = [
            {name: each[name] for name in ("at", "data", "kind", "number")} for each in proof["log"]
        ]
        for record, hash_ in zip(proof["log"], chain("", said), strict=True):
            record["hash"] = hash_
        proof["log_head"] = proof["log"][-1]["hash"]

    return altered


def skip_an_heir(proof: Proof) -> None:
    [entries] = of_kind(proof, "OFFERED")["entries"].values()
    entries.pop(0)


def offer_twice(proof: Proof) -> None:
    [entries] = of_kind(proof, "OFFERED")["entries"].values()
    entries.append(entries[0])


ALTERED: dict[str, tuple[Alter, str]] = {
    "an entry is added after the seal": (
        lambda proof: proof["entries"].append({**proof["entries"][0], "entry_id": "x"}),
        "the pool is the sealed one",
    ),
    "an entry is left out": (
        lambda proof: proof["entries"].pop(),
        "the pool is the sealed one",
    ),
    "an entry stands in another lot": (
        lambda proof: proof["entries"][0].update(lot="another"),
        "its lots are, too",
    ),
    "two positions are exchanged": (swap_positions, "positions are those of the draw"),
    "another signature": (swap_lots_signature, "positions are those of the draw"),
    "other terms": (
        lambda proof: proof.update(terms=proof["terms"].replace("SHUFFLE", "LOTTERY")),
        "the terms were told first",
    ),
    "another round": (
        lambda proof: proof.update(beacon_round=proof["beacon_round"] + 1),
        "the round is the fixed one",
    ),
    "another chain": (
        lambda proof: proof.update(beacon_chain="another"),
        "the chain is the terms'",
    ),
    "a log record is changed": (
        lambda proof: of_kind(proof, "SEALED").update(beacon_round=1),
        "the log is one chain up to its head",
    ),
    "a log record is left out": (
        lambda proof: proof["log"].pop(1),
        "the log is one chain up to its head",
    ),
    "an heir is skipped in a log that is written anew": (
        rechained(skip_an_heir),
        "went in line",
    ),
    "an offer is given twice in a log that is written anew": (
        rechained(offer_twice),
        "went in line",
    ),
}


def test_the_proof_of_a_drop_is_valid_to_an_outsider(proof: Proof, tmp_path: Path) -> None:
    assert run(proof, tmp_path) == (0, [])
    assert {"SEALED", "NUMBERED", "OFFERED", "RELEASED", "WITHDRAWN"} <= {
        each["kind"] for each in proof["log"]
    }


@pytest.mark.parametrize("name", ALTERED)
def test_the_verifier_says_what_is_wrong(name: str, proof: Proof, tmp_path: Path) -> None:
    alter, claim = ALTERED[name]
    altered = copy.deepcopy(proof)
    alter(altered)

    code, failed = run(altered, tmp_path)

    assert code == 1
    assert any(claim in each for each in failed), failed


def test_a_proof_has_no_personal_data(proof: Proof) -> None:
    told = json.dumps(proof)

    assert "user" not in told
    assert "@" not in told


def test_the_verifier_is_short_and_needs_nothing_but_python() -> None:
    lines = VERIFIER.read_text().splitlines()

    assert len(lines) <= 60
    imported = [line.split()[1] for line in lines if line.startswith(("import ", "from "))]
    assert {each.partition(".")[0] for each in imported} <= sys.stdlib_module_names
