"""Copies of a drop's proof, each altered as a seller might, and the verifier on them."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from commerce.drop.draw import chain
from tests.support.backends import ROOT

VERIFIER = ROOT / "docs" / "verify_drop.py"
Proof = dict[str, Any]
Alter = Callable[[Proof], object]


def failures(proof: Proof, directory: Path) -> list[str]:
    """Run the verifier without our code; return the claims that do not hold."""
    file = directory / "proof.json"
    file.write_text(json.dumps(proof))
    done = subprocess.run(
        [sys.executable, "-I", VERIFIER, file], capture_output=True, text=True, check=False
    )
    lines = (done.stdout + done.stderr).splitlines()
    failed = [line[5:] for line in lines if line.startswith("FAIL")]
    assert done.returncode == (1 if failed else 0), lines
    return failed


def of_kind(proof: Proof, kind: str) -> Any:
    return next(each["data"] for each in proof["log"] if each["kind"] == kind)


def swap_positions(proof: Proof) -> None:
    first, second = proof["entries"][:2]
    first["position"], second["position"] = second["position"], first["position"]


def sign_otherwise(proof: Proof) -> None:
    proof["signature"] = "00" + proof["signature"][2:]


def rechained(alter: Alter) -> Alter:
    """Alter the log and chain it anew, as a seller could who rewrites all of it."""

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
    "another signature": (sign_otherwise, "positions are those of the draw"),
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
