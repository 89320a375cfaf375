"""Whether this deployment can serve: the database answers, with the schema the code needs."""

import logging
from typing import TYPE_CHECKING, Literal

from commerce.runtime import settings
from commerce.runtime.db.connection import Database
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared.errors import CommerceError, Kind, Unavailable
from commerce.shared.schemas import View

if TYPE_CHECKING:
    from commerce.runtime.db import statements as sql
else:
    sql = precompiled("commerce.runtime.db.statements")

SCHEMA_REVISION = "0010"
"""The migration this code was written for. Revisions are numbered, so that they compare."""

logger = logging.getLogger(__name__)


class NotHealthy(CommerceError):
    """This deployment cannot serve."""

    kind = Kind.UNAVAILABLE
    code = "NOT_HEALTHY"


class HealthView(View):
    """What serves, and on which schema."""

    status: Literal["ok"] = "ok"
    version: str
    schema_revision: str | None
    expected_schema_revision: str


def look_at(database: Database) -> HealthView:
    """What is well. Raises NotHealthy, with the same facts, where something is not."""
    revision, wrong = None, ""
    try:
        rows = UnitOfWork(database).read(sql.REVISION())
        revision = rows[0].version_num if rows else None
    except Unavailable:
        wrong = "The database does not answer."
    except Exception:
        logger.warning("the schema's revision cannot be read", exc_info=True)
    if not wrong and (revision is None or revision < SCHEMA_REVISION):
        wrong = "The schema is behind the code: invoke the function that migrates it."
    facts = {
        "version": settings.text("APP_VERSION", "dev"),
        "schema_revision": revision,
        "expected_schema_revision": SCHEMA_REVISION,
    }
    if wrong:
        raise NotHealthy(wrong, facts=facts)
    return HealthView.model_validate(facts)
