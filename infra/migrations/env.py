"""Runs Alembic: a transaction per migration, one deploy at a time, with the functions' own driver.

No lock is waited for longer than 3 s, as those who come after wait behind it; it is tried again
instead. Within `autocommit_block()` an index is built CONCURRENTLY: that blocks nobody, and takes
as long as it takes.
"""

import logging
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from urllib.parse import urlsplit

from alembic import context
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from commerce.app.schema import schema
from commerce.runtime import settings
from commerce.runtime.db.connection import SESSION, opened, sqlstate
from commerce.runtime.db.encryption import options_of

LOCK_TIMEOUT = "3s"  # spec §11
TRIES_FOR_SECONDS = 200  # of the function's 300
_PAUSE_SECONDS = (0.5, 2.0)
_LOCK_NOT_AVAILABLE, _DEADLOCK = "55P03", "40P01"
_ONE_MIGRATION = 7_235_119_002  # any number of our own: the advisory lock's key
# What a build that broke off has left; it slows writes down, and IF NOT EXISTS takes it for done.
_INVALID = text("""
    SELECT indexrelid::regclass::text AS name FROM pg_index
    WHERE NOT indisvalid
        AND indexrelid NOT IN (SELECT index_relid FROM pg_stat_progress_create_index)
""")

logger = logging.getLogger("alembic")
logger.setLevel(logging.INFO)


def migrate() -> None:
    """Bring the schema to the revision asked for; a second deploy waits for the first.

    A schema that is ahead of this code stays as it is: the code is a release's that was rolled
    back to, and runs on it.
    """
    url = settings.database_url(fresh=True)
    engine = create_engine("postgresql+pg8000://", creator=partial(opened, url))
    try:
        with _turn(engine):
            if not _is_ahead(engine):
                _try_again(partial(_run, engine))
            if "session" in options_of(urlsplit(url).query):
                with engine.begin() as connection:
                    keep_session_with_role(connection)
    finally:
        engine.dispose()


@contextmanager
def _turn(engine: Engine) -> Iterator[None]:
    """Hold the deploys' lock in a transaction of its own, for as long as all migrations take."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0;"
                "SET LOCAL idle_in_transaction_session_timeout = 0"
            )
        )
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_ONE_MIGRATION})"))
        yield


def _limit(connection: Connection) -> None:
    """Set what applies to a migration's transaction, or to its statements without one."""
    if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
        # Alembic has read the isolation level, for which pg8000 has begun a transaction.
        connection.connection.rollback()
        connection.exec_driver_sql("SET lock_timeout = 0")
        connection.exec_driver_sql("SET statement_timeout = 0")
    else:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")


def _is_ahead(engine: Engine) -> bool:
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    newest = context.script.get_current_head() or ""
    if current is None or current <= newest:
        return False
    logger.warning("the schema is at %s, ahead of this code's %s", current, newest)
    return True


def _try_again(run: partial[None]) -> None:
    """Run what waits for locks until it has had them all. What is committed is not done again."""
    until = time.monotonic() + TRIES_FOR_SECONDS
    while True:
        try:
            return run()
        except DBAPIError as error:
            is_lock = error.orig and sqlstate(error.orig) in (_LOCK_NOT_AVAILABLE, _DEADLOCK)
            if not is_lock or time.monotonic() > until:
                raise
            logger.info("a lock was not had within %s; trying again", LOCK_TIMEOUT)
            time.sleep(random.uniform(*_PAUSE_SECONDS))  # noqa: S311


def _run(engine: Engine) -> None:
    with engine.connect() as connection:
        event.listen(connection, "begin", _limit)
        _drop_broken_indexes(connection)
        context.configure(
            connection=connection,
            target_metadata=schema(),
            compare_type=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()


def _drop_broken_indexes(connection: Connection) -> None:
    with connection.begin():
        names = connection.scalars(_INVALID).all()
        for name in names:
            logger.warning("dropping the index %s, whose build broke off", name)
            connection.execute(text(f"DROP INDEX {name}"))


def keep_session_with_role(connection: Connection) -> None:
    """Give the role, for all its sessions from now on, what functions else ask for themselves."""
    for name, value in SESSION.items():
        connection.execute(text(f"ALTER ROLE CURRENT_USER SET {name} = '{value}'"))


migrate()
