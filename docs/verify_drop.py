"""Verify a drop's proof: python3 verify_drop.py proof.json. Standard library; see drops.md."""

import hashlib
import json
import sys
from collections.abc import Iterator
from typing import Any


def sha(*lines: str) -> str:
    """Hash lines of text."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def verify(proof: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """Yield each claim of the proof, and whether it holds."""
    terms, log, head, is_chain = json.loads(proof["terms"]), proof["log"], "", True
    for number, record in enumerate(log, 1):
        said = {name: record[name] for name in ("at", "data", "kind", "number")}
        text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        head = sha("lastunit-log-1", head, text)
        is_chain &= record["hash"] == head and record["number"] == number
    yield "the log is one chain up to its head", is_chain and head == proof["log_head"]
    of = {kind: [r["data"] for r in log if r["kind"] == kind] for kind in {r["kind"] for r in log}}
    told = [*of["PUBLISHED"], *of.get("RESCHEDULED", [])][-1]["terms_hash"]
    yield "the terms were told first", told == proof["terms_hash"] == sha(proof["terms"])
    sealed, lots = of["SEALED"][0], {each["entry_id"]: each["lot"] for each in proof["entries"]}
    root = sha(*sorted(lots))
    yield "the pool is the sealed one", root == sealed["entries_root"]
    yield "its lots are, too", sealed["lots_root"] == sha(*sorted(map(" ".join, lots.items())))
    is_kept = sealed["beacon_round"] == terms["beacon"]["round"] or not sealed["is_round_promised"]
    yield "the round is the fixed one", is_kept and proof["beacon_round"] == sealed["beacon_round"]
    yield "the chain is the terms'", proof["beacon_chain"] == terms["beacon"]["chain"]
    if not proof["signature"]:
        return
    randomness = hashlib.sha256(bytes.fromhex(proof["signature"])).hexdigest()
    seed = sha("lastunit-draw-1", proof["terms_hash"], root, randomness)
    line: dict[str, list[str]] = {lot["product_id"]: [] for lot in terms["lots"]}
    for entry in sorted(lots, key=lambda entry: (sha(seed, entry), entry)):
        line[lots[entry]].append(entry)
    drawn = {entry: n for entries in line.values() for n, entry in enumerate(entries, 1)}
    is_drawn = all(drawn[each["entry_id"]] == each["position"] for each in proof["entries"])
    yield "positions are those of the draw", is_drawn
    for lot, entries in line.items():
        ids = {k: [e for r in of[k] for e in r.get("entries", {}).get(lot, [])] for k in of}
        places = {entry: n for n, entry in enumerate(entries + ids["NUMBERED"])}
        offers = [places.get(entry, -1) for entry in ids.get("OFFERED", ())]
        passed = set(range(max(offers, default=-1))) - set(offers)
        is_fair = passed <= {places.get(entry) for entry in ids.get("WITHDRAWN", ())}
        yield f"offers of {lot} went in line", is_fair and offers == sorted(set(offers))


if __name__ == "__main__":
    claims: list[tuple[str, bool]] = []
    try:
        claims.extend(verify(json.loads(open(sys.argv[1], "rb").read())))  # noqa: PTH123, SIM115
    except (KeyError, TypeError, ValueError) as error:
        claims.append((f"it is no whole proof: {error!r}", False))
    print("\n".join(f"{'ok  ' if holds else 'FAIL'} {claim}" for claim, holds in claims))
    sys.exit(not all(holds for _, holds in claims))
