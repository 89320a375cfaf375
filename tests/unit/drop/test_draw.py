"""The shuffle of a draw: each entry is as likely at each place, whatever its id."""

import hashlib
from collections import Counter
from uuid import UUID

from commerce.drop.draw import entries_root, seed_of, shuffled

ENTRIES = [UUID(int=number) for number in range(1, 7)]
DRAWS = 6_000
TERMS = "0" * 64
CRITICAL_25 = 52.62  # of chi-square with 25 degrees of freedom, exceeded with a chance of 0.001


def beacon_value(number: int) -> str:
    """One of a fixed set of values, so that the test is the same in each run."""
    return hashlib.sha256(f"beacon {number}".encode()).hexdigest()


def test_each_entry_is_as_likely_at_each_place() -> None:
    root = entries_root(ENTRIES)
    places: Counter[tuple[UUID, int]] = Counter()
    for number in range(DRAWS):
        order = shuffled(ENTRIES, seed_of(TERMS, root, beacon_value(number)))
        places.update((entry, place) for place, entry in enumerate(order))

    expected = DRAWS / len(ENTRIES)
    chi_square = sum(
        (places[entry, place] - expected) ** 2 / expected
        for entry in ENTRIES
        for place in range(len(ENTRIES))
    )
    assert chi_square < CRITICAL_25  # (6 − 1) × (6 − 1) degrees of freedom


def test_an_order_of_entry_ids_is_no_order_of_places() -> None:
    root = entries_root(ENTRIES)
    orders = {
        tuple(shuffled(ENTRIES, seed_of(TERMS, root, beacon_value(number))))
        for number in range(500)
    }

    assert len(orders) > 300  # of 720


def test_terms_pool_and_beacon_each_change_the_seed() -> None:
    root, value = entries_root(ENTRIES), beacon_value(1)
    seeds = {
        seed_of(TERMS, root, value),
        seed_of("1" * 64, root, value),
        seed_of(TERMS, entries_root(ENTRIES[1:]), value),
        seed_of(TERMS, root, beacon_value(2)),
    }

    assert len(seeds) == 4


def test_the_order_in_which_entries_are_given_changes_nothing() -> None:
    seed = seed_of(TERMS, entries_root(ENTRIES), beacon_value(1))

    assert shuffled(ENTRIES, seed) == shuffled(ENTRIES[::-1], seed)
    assert entries_root(ENTRIES) == entries_root(ENTRIES[::-1])
