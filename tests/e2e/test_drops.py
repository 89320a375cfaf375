"""A whole drop on the deployed stack, from its publication to its verified proof."""

from copy import deepcopy
from pathlib import Path

from infra.local.api import Api
from infra.local.drop_demo import UNITS, DropDemo, altered, verify
from infra.local.progress import Stages
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
