"""Brings the database's schema to the code's revision: in each deploy, and when invoked.

CloudFormation calls it as the custom resource Custom::Migration; where custom resources do not
exist, whoever deploys invokes it and reads {"revision": …}. Two at once take turns (env.py).
"""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import urllib3
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from aws_lambda_powertools.utilities.typing import LambdaContext
from claiming import claim_addresses  # type: ignore[import-not-found]  # beside it in the package
from opening import open_stocks  # type: ignore[import-not-found]

from commerce.entrypoints.telemetry import logger, observed
from commerce.runtime import settings
from commerce.runtime.db.connection import opened

FOLDER = Path(__file__).parent
ANSWER_TIMEOUT_SECONDS = 10
MAX_REASON_CHARACTERS = 500  # CloudFormation takes 4 KB in all


def migrate() -> str:
    """Upgrade to the newest revision, and return the one that the schema has then.

    Nothing happens where it is there already, or where the schema is ahead of this code.
    """
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    command.upgrade(config, "head")
    revision = _revision()
    if revision == ScriptDirectory.from_config(config).get_current_head():
        open_stocks()
        claim_addresses()
    return revision


def _revision() -> str:
    with closing(opened(settings.database_url())) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT version_num FROM alembic_version")
        [revision] = cursor.fetchone()
    return str(revision)


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, str]:
    """Migrate, and answer CloudFormation if it asked, else the caller.

    CloudFormation learns of every outcome: without an answer a deploy hangs until it times out.
    A direct caller gets the error itself.
    """
    if "ResponseURL" not in event:
        return {"revision": migrate()}
    try:
        # Deleting the stack deletes no data.
        answer = {} if event["RequestType"] == "Delete" else {"revision": migrate()}
    except Exception as error:  # noqa: BLE001 - whatever it is, the deploy must hear of it
        logger.exception("the migration failed")
        answer = {}
        _answer(event, "FAILED", reason=_reason(error, context))
    else:
        _answer(event, "SUCCESS", data=answer)
    return answer


def _reason(error: Exception, context: LambdaContext) -> str:
    """Name the error without its text, which may hold what the database said of the login."""
    where = f"log stream {context.log_stream_name}, request {context.aws_request_id}"
    return f"The migration failed with {type(error).__name__}; see {where}."[:MAX_REASON_CHARACTERS]


def _answer(
    event: dict[str, Any], status: str, *, reason: str = "", data: dict[str, str] | None = None
) -> None:
    answer = {
        "Status": status,
        "Reason": reason,
        "PhysicalResourceId": event.get("PhysicalResourceId", "schema"),
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": data or {},
    }
    with urllib3.PoolManager(timeout=ANSWER_TIMEOUT_SECONDS) as http:
        taken = http.request(
            "PUT",
            event["ResponseURL"],
            body=json.dumps(answer).encode(),
            headers={"Content-Type": ""},  # the address is signed for no content type
            retries=urllib3.Retry(5, backoff_factor=0.5, status_forcelist=[500, 502, 503]),
        )
    logger.info("CloudFormation was told", outcome=status, http_status=taken.status)
