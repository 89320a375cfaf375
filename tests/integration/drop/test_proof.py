"""The verifier, run as an outsider runs it: on a proof, and on altered copies of it."""

import copy
import json
import sys
from pathlib import Path

import pytest

from commerce.app.transactions import in_transaction
from commerce.drop import DropFacade
from commerce.shared import clock
from tests.support.altered_proofs import ALTERED, VERIFIER, Proof, failures
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


def test_the_proof_of_a_drop_is_valid_to_an_outsider(proof: Proof, tmp_path: Path) -> None:
    assert failures(proof, tmp_path) == []
    assert {"SEALED", "NUMBERED", "OFFERED", "RELEASED", "WITHDRAWN"} <= {
        each["kind"] for each in proof["log"]
    }


@pytest.mark.parametrize("name", ALTERED)
def test_the_verifier_says_what_is_wrong(name: str, proof: Proof, tmp_path: Path) -> None:
    alter, claim = ALTERED[name]
    altered = copy.deepcopy(proof)
    alter(altered)

    failed = failures(altered, tmp_path)

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
