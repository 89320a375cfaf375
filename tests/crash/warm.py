"""Everything that a fork should find done: imports, clients without connections, statements."""

import gc
import pkgutil
from importlib import import_module
from pathlib import Path
from typing import Any

import commerce
from commerce.shared import valkey
from commerce.shared.aws import client
from tests.crash.rest import consumers
from tests.support.lambda_calls import function

FUNCTIONS = Path(__file__).parents[2] / "functions"

_CLIENTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("dynamodb", {"attempts": 1}),
    ("events", {}),
    ("sns", {}),
    ("sns", {"attempts": 1, "answer_within_seconds": 0.5}),
    ("sqs", {}),
    ("sqs", {"attempts": 1, "answer_within_seconds": 1}),
    ("sqs", {"attempts": 1, "answer_within_seconds": 0.3}),
)


def warm() -> None:
    """Do it; no connection is opened, so that forks share none."""
    valkey.TIMEOUT_SECONDS = 5.0  # what is kept is kept, however busy the machine is
    for module in pkgutil.walk_packages(commerce.__path__, "commerce."):
        import_module(module.name)
    for file in sorted(FUNCTIONS.glob("*/*.py")):
        if file.stem != "__init__":
            function(f"{file.parent.name}/{file.stem}")
    for service, how in _CLIENTS:
        client(service, **how)
    import_module("tests.crash.lane")
    consumers()
    gc.freeze()  # forks leave it alone, and share its memory
