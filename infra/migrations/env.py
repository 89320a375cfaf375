"""Runs Alembic in one transaction, one deploy at a time, with the functions' own driver."""

import logging
from functools import partial
from urllib.parse import urlsplit

from alembic import context
from sqlalchemy import Connection, create_engine, text

from commerce.app.schema import schema
from commerce.runtime import settings
from commerce.runtime.db.connection import SESSION, opened
from commerce.runtime.db.encryption import options_of

_ONE_MIGRATION = 7_235_119_002  # any number of our own: the advisory lock's key

logging.getLogger("alembic").setLevel(logging.INFO)


def migrate() -> None:
    """Bring the schema to the revision asked for; a second deploy waits for the first."""
    url = settings.database_url(fresh=True)
    engine = create_engine("postgresql+pg8000://", creator=partial(opened, url))
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '60s'; SET LOCAL statement_timeout = 0"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_ONE_MIGRATION})"))
        context.configure(connection=connection, target_metadata=schema(), compare_type=True)
        context.run_migrations()
        if "session" in options_of(urlsplit(url).query):
            keep_session_with_role(connection)
    engine.dispose()


def keep_session_with_role(connection: Connection) -> None:
    """Give the role, for all its sessions from now on, what functions else ask for themselves."""
    for name, value in SESSION.items():
        connection.execute(text(f"ALTER ROLE CURRENT_USER SET {name} = '{value}'"))


migrate()
