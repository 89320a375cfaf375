"""The draw of a drop: everything that an outsider recomputes, as docs/drops.md defines it.

Pure functions of public values. `docs/verify_drop.py` computes the same with the standard library
alone, from a downloaded proof.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

RULES = "lastunit-draw-1"
"""Names the rules of the draw; part of the terms and of every seed."""

_LOG = "lastunit-log-1"


def canonical_json(value: Any) -> str:
    """Write JSON in the one form that is hashed: sorted names, no spaces, UTF-8 unescaped."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sha256(text: str) -> str:
    """Return the SHA-256 of the text's UTF-8, as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def terms_hash(terms: Mapping[str, Any]) -> str:
    """Hash the terms of a drop."""
    return sha256(canonical_json(terms))


def entries_root(entry_ids: Iterable[UUID]) -> str:
    """Hash the pool: the sorted ids of its entries, joined by newlines."""
    return sha256("\n".join(sorted(map(str, entry_ids))))


def lots_root(lot_of: Mapping[UUID, UUID]) -> str:
    """Hash which entry stands in which product's line: sorted `entry_id product_id` lines."""
    return sha256("\n".join(sorted(f"{entry} {lot}" for entry, lot in lot_of.items())))


def roots_of_parts(parts: Iterable[tuple[str, str]]) -> tuple[str, str]:
    """Return `entries_root` and `lots_root` of a pool that is too large for one text.

    Args:
        parts: the sorted lines that each of them hashes, some at a time, joined by newlines.
    """
    digests = hashlib.sha256(), hashlib.sha256()
    for number, texts in enumerate(parts):
        for digest, text in zip(digests, texts, strict=True):
            digest.update((f"\n{text}" if number else text).encode())
    entries, lots = (digest.hexdigest() for digest in digests)
    return entries, lots


def randomness_of(signature: str) -> str:
    """Return the randomness of a beacon's round, which is the SHA-256 of its signature's bytes.

    Args:
        signature: hexadecimal. Raises ValueError if it is not.
    """
    return hashlib.sha256(bytes.fromhex(signature)).hexdigest()


def seed_of(terms: str, root: str, randomness: str) -> str:
    """Return the seed that shuffles the pool, from the terms' hash, its root and the round's."""
    return sha256(f"{RULES}\n{terms}\n{root}\n{randomness}")


def shuffled(entry_ids: Iterable[UUID], seed: str) -> list[UUID]:
    """Return the entries in the order of the SHA-256 of the seed and their id."""
    return sorted(entry_ids, key=lambda entry_id: (sha256(f"{seed}\n{entry_id}"), str(entry_id)))


def log_hash(previous: str, record: Mapping[str, Any]) -> str:
    """Hash a record of the public log, which chains it to the one before.

    Args:
        previous: the hash of the record before, empty for the first record.
        record: `number`, `at`, `kind` and `data`.
    """
    return sha256(f"{_LOG}\n{previous}\n{canonical_json(record)}")


def chain(previous: str, records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the hash of each record, in order."""
    hashes = []
    for record in records:
        previous = log_hash(previous, record)
        hashes.append(previous)
    return hashes
