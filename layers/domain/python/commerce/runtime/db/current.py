"""The database connection of this thread."""

import threading

from commerce.runtime import settings
from commerce.runtime.db.connection import Database

_local = threading.local()


def database() -> Database:
    """Return this thread's connection (a function has one thread), made on first use."""
    found: Database | None = getattr(_local, "database", None)
    if found is None:
        found = _local.database = Database(
            settings.database_url, lambda: settings.database_url(fresh=True)
        )
    return found
