"""How Alembic runs: one transaction, one migration at a time, over the functions' own driver."""

import logging

from alembic import context
from sqlalchemy import create_engine, text

from commerce.bootstrap import schema
from commerce.shared import settings

_ONE_MIGRATION = 7_235_119_002  # any number of our own: the advisory lock's key

logging.getLogger("alembic").setLevel(logging.INFO)


def migrate() -> None:
    """Bring the schema to the revision asked for; a second deploy waits for the first."""
    url = settings.database_url().split("?")[0].replace("postgresql://", "postgresql+pg8000://", 1)
    arguments = {"ssl_context": True} if "sslmode=require" in settings.database_url() else {}
    engine = create_engine(url, connect_args=arguments)
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '60s'; SET LOCAL statement_timeout = 0"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_ONE_MIGRATION})"))
        context.configure(connection=connection, target_metadata=schema(), compare_type=True)
        context.run_migrations()
    engine.dispose()


migrate()
