"""Whether this deployment can serve: the database answers, with the schema the code needs."""

from sqlalchemy import column, select, table

from commerce.shared import settings
from commerce.shared.database import Database, Statement
from commerce.shared.errors import Unavailable
from commerce.shared.shapes import View
from commerce.shared.unit_of_work import UnitOfWork

SCHEMA_REVISION = "0002"
"""The migration this code was written for. Revisions are numbered, so that they compare."""

_REVISION = Statement(select(column("version_num")).select_from(table("alembic_version")))


class HealthView(View):
    """`ok`, or what is wrong."""

    status: str
    version: str
    schema_revision: str | None
    expected_schema_revision: str


def look_at(database: Database) -> HealthView:
    """A look at the database, never an error."""
    revision = None
    try:
        rows = UnitOfWork(database).read(_REVISION())
        revision = rows[0].version_num if rows else None
        status = "ok" if revision and revision >= SCHEMA_REVISION else "schema is behind"
    except Unavailable:
        status = "database does not answer"
    except Exception:  # noqa: BLE001  (no table of revisions: nothing was ever migrated)
        status = "schema is behind"
    return HealthView(
        status=status,
        version=settings.text("APP_VERSION", "dev"),
        schema_revision=revision,
        expected_schema_revision=SCHEMA_REVISION,
    )
