"""Operators' commands, run on the deployed stack as a program runs them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.e2e.stack import REGION, STACK_NAME, Stack

ROOT = Path(__file__).parents[2]


def ops(
    stack: Stack, *arguments: str, database: bool = True, name: str = STACK_NAME
) -> tuple[int, Any]:
    """Run a command as a program does; its exit code and its JSON."""
    environment = {
        "PATH": os.defpath,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "layers/domain/python"), str(ROOT)]),
        "AWS_ENDPOINT_URL": stack.addresses.aws_endpoint_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
    }
    if database:
        environment["DATABASE_URL"] = stack.addresses.database_url
    done = subprocess.run(
        [sys.executable, "-m", "infra.ops", *arguments, "--stack", name, "--json"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)
