"""Servers for a harness that runs outside pytest."""

import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def servers(durable_in: Path | None = None) -> Iterator[str]:
    """Start PostgreSQL, Valkey and moto; yields the superuser's URL.

    With a folder, the data is on its disk, and PostgreSQL waits for it as its defaults say;
    without, the data is in memory.
    """
    from tests.support import scratch
    from tests.support.backends import UNSAFE, start_test_servers

    if durable_in is None:
        scratch.use_memory()
    else:
        durable_in.mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "POWERTOOLS_SERVICE_NAME": "lastunit",
        "POWERTOOLS_METRICS_NAMESPACE": "Lastunit",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "MAIL_SENDER": "shop@example.com",
        **{
            f"{purpose}_KEYS": json.dumps({"current": "bench", "bench": secrets.token_urlsafe(48)})
            for purpose in ("TOKEN", "SIGN_IN")
        },
    }
    directory = Path(tempfile.mkdtemp(prefix="lastunit-bench-", dir=durable_in))
    running = start_test_servers(directory, {} if durable_in else UNSAFE)
    os.environ |= running.environment
    try:
        yield running.environment["SUPERUSER_URL"]
    finally:
        running.stop()
        shutil.rmtree(directory, ignore_errors=True)
