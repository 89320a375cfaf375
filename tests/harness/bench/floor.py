"""The floor of a benchmark: what pgbench does of the same statements, on the same server."""

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit


def transactions_per_second(
    script: str, variables: Mapping[str, int], *, clients: int, seconds: int
) -> float:
    """Run the script with so many clients; return its transactions per second.

    Raises RuntimeError if pgbench fails.
    """
    from infra.local.postgres import binary

    url = urlsplit(os.environ["DATABASE_URL"])
    settings = [f"-D{name}={value}" for name, value in variables.items()]
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "floor.sql"
        file.write_text(script)
        answer = subprocess.run(
            [binary("pgbench"), "-n", "-M", "prepared", "-c", str(clients), "-j", "2",
             "-T", str(seconds), "-f", str(file), *settings, url.path.lstrip("/")],
            env={"PGHOST": url.hostname or "", "PGPORT": str(url.port or ""),
                 "PGUSER": url.username or "", "PGPASSWORD": url.password or "",
                 "LC_ALL": "C.UTF-8"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    if answer.returncode:
        raise RuntimeError(f"pgbench failed: {answer.stderr}")
    [rate] = re.findall(r"tps = ([0-9.]+) \(without", answer.stdout)
    return float(rate)
