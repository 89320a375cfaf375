"""A system of the drill's own, started from the local system's parts and removed afterwards."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

OF_ANOTHER_SYSTEM = (
    *("API_URL", "ADMIN_TOKEN", "GATEWAY_URL", "DELIVERY_URL", "MAIL_URL", "BEACON_URL"),
    *("AWS_PROFILE", "AWS_SESSION_TOKEN", "RUNNING_SERVERS"),
)
"""Left in a shell by `source .local/env` or an account's login; a drill uses none of it."""


PATIENT_SECONDS = 3.0  # that the cache may take: a busy machine is slower than ElastiCache


@contextmanager
def own_system() -> Iterator[None]:
    """Start PostgreSQL, Valkey and an AWS emulator on free ports, with an empty shop.

    The environment leads to them within the block, and is as it was afterwards.
    """
    before = dict(os.environ)
    for name in OF_ANOTHER_SYSTEM:
        os.environ.pop(name, None)
    os.environ |= {
        "APP_VERSION": "drill",
        "FINGERPRINT_KEY": secrets.token_urlsafe(48),
        "GATEWAY_CALLBACK_URL": "http://localhost:9/payments/callbacks",  # nothing listens there
    }
    try:
        with _servers():
            yield
    finally:
        os.environ.clear()
        os.environ |= before


@contextmanager
def _servers() -> Iterator[None]:
    from tests.harness.servers import servers
    from tests.support import backends

    with servers() as superuser, backends.own_database(superuser) as own:
        server, _, name = os.environ["DATABASE_URL"].rpartition("/")
        os.environ["DATABASE_URL"] = f"{server}/{own.rpartition('/')[2]}" if name else own
        from commerce.runtime.cache import valkey  # imported when the environment is set
        from commerce.runtime.db.current import database
        from tests.support import nudges

        nudges.silence()  # drills run the relay when they mean to
        patience, valkey.TIMEOUT_SECONDS = valkey.TIMEOUT_SECONDS, PATIENT_SECONDS
        try:
            yield
        finally:
            valkey.TIMEOUT_SECONDS = patience
            nudges.restore()
            database().close()
