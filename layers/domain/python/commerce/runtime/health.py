"""Health check: the database answers, with the schema that the code needs."""

import logging
from typing import Literal

from commerce.runtime import settings
from commerce.runtime.db.connection import Database
from commerce.runtime.db.sql import sql
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared.errors import CommerceError, Kind, Unavailable
from commerce.shared.schemas import View

SCHEMA_REVISION = "0033"
"""The migration that this code needs. Revisions are numbered, so that they can be compared."""

logger = logging.getLogger(__name__)


class NotHealthy(CommerceError):
    """This deployment cannot serve."""

    kind = Kind.UNAVAILABLE
    code = "NOT_HEALTHY"


class HealthView(View):
    """The release that serves, and its schema."""

    status: Literal["ok"] = "ok"
    version: str
    schema_revision: str | None
    expected_schema_revision: str


def check(database: Database) -> HealthView:
    """Report the release and its schema. Raises NotHealthy, with the same facts, on a failure."""
    revision, failure = None, ""
    try:
        rows = UnitOfWork(database).read(sql.REVISION())
        revision = rows[0].version_num if rows else None
    except Unavailable:
        failure = "The database does not answer."
    except Exception:
        logger.warning("the schema's revision cannot be read", exc_info=True)
    if not failure and (revision is None or revision < SCHEMA_REVISION):
        failure = "The schema is behind the code: invoke the function that migrates it."
    facts = {
        "version": settings.text("APP_VERSION", "dev"),
        "schema_revision": revision,
        "expected_schema_revision": SCHEMA_REVISION,
    }
    if failure:
        raise NotHealthy(failure, facts=facts)
    return HealthView.model_validate(facts)
