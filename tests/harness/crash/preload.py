"""Work done once before forking: imports, clients without connections, statements."""

import gc
import pkgutil
from importlib import import_module
from pathlib import Path
from typing import Any

import commerce
from commerce.app.operations import dead_letters as console
from commerce.runtime.aws import client
from commerce.runtime.messaging import dead_letters
from infra.ops import dlq
from layers.domain.compile_statements import compile_all
from tests.harness.crash.recovery import consumers
from tests.harness.crash.steps import be_patient
from tests.support.lambda_calls import function

FUNCTIONS = Path(__file__).parents[3] / "functions"

_CLIENTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("dynamodb", {"attempts": 1}),
    ("events", {"attempts": 2}),
    ("sns", {}),
    ("stepfunctions", {}),
    ("sns", {"attempts": 1, "answer_within_seconds": 0.5}),
    ("sqs", {}),
    ("sqs", {"attempts": 1, "answer_within_seconds": 1}),
    ("sqs", {"attempts": 1, "answer_within_seconds": 0.3}),
)


def preload() -> None:
    """Import and prepare everything without opening a connection, so that forks share none."""
    be_patient()
    # What a killed operator had received is visible again soon.
    dlq.VISIBILITY_SECONDS = console.VISIBILITY_SECONDS = 2
    dead_letters.EMPTY_RECEIVES = 1  # one server: an empty answer means an empty queue
    for module in pkgutil.walk_packages(commerce.__path__, "commerce."):
        import_module(module.name)
    for file in sorted(FUNCTIONS.glob("*/*.py")):
        if file.stem != "__init__":
            function(f"{file.parent.name}/{file.stem}")
    for service, how in _CLIENTS:
        client(service, **how)
    compile_all()
    import_module("tests.harness.crash.worker")
    consumers()
    gc.freeze()  # forks leave it alone, and share its memory
