"""Powertools replays the answers to likes and payments, and refuses concurrent requests.

So a repetition of what a shopper does most often takes no connection to the database. Powertools
alone does not guarantee one effect, because its record can be lost after our commit; the claim row
in the business transaction does (commerce.runtime.idempotency). So its store may be down. Every
other request with a key uses the claim row alone.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyPersistenceLayerError,
    IdempotencyValidationError,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

from commerce.entrypoints.telemetry import logger
from commerce.runtime import replay, settings
from commerce.runtime.aws import client
from commerce.runtime.idempotency import Claim, IdempotencyKeyReused, RequestInProgress

STORED_SECONDS = 24 * 60 * 60  # spec §3.1: at least 24 hours

Answer = dict[str, Any]


class _NotStored(Exception):
    """Carries an answer out of Powertools without having it stored."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


@cache
def _store() -> DynamoDBPersistenceLayer:
    # One try: if the answer to a conditional write is late, a second try would find the record of
    # the first and refuse this request as still running.
    return DynamoDBPersistenceLayer(
        table_name=settings.text("IDEMPOTENCY_TABLE_NAME"),
        boto3_client=client("dynamodb", attempts=1),
    )


def answer_once(claim: Claim, context: LambdaContext, run: Callable[[], Answer]) -> Answer:
    """Call `run`, or replay the first answer to this claim.

    Stored are successes and refusals by a rule (404, 409), but no errors that the caller can
    correct (400, 401, 403, 422) or that may pass (5xx). Raises RequestInProgress and
    IdempotencyKeyReused.
    """
    ran: list[Answer] = []
    config = IdempotencyConfig(
        event_key_jmespath="claim",
        payload_validation_jmespath="fingerprint",
        raise_on_no_idempotency_key=True,
        expires_after_seconds=STORED_SECONDS,
        lambda_context=context,
        hash_function="sha256",
    )

    @idempotent_function(data_keyword_argument="request", persistence_store=_store(), config=config)
    def first_time(*, request: Mapping[str, str]) -> Answer:  # noqa: ARG001  (Powertools' key)
        ran.append(run())
        if not _is_stored(ran[0]):
            raise _NotStored(ran[0])
        return ran[0]

    request = {"claim": f"{claim.scope}#{claim.key}", "fingerprint": claim.fingerprint}
    try:
        answer: Answer = first_time(request=request)
    except _NotStored as finished:
        return finished.answer
    except IdempotencyAlreadyInProgressError as error:
        raise RequestInProgress from error
    except IdempotencyValidationError as error:
        raise IdempotencyKeyReused from error
    except IdempotencyPersistenceLayerError:
        logger.warning("the idempotency store failed; the claim row decides", exc_info=True)
        return ran[0] if ran else run()
    if not ran:
        replay.mark_replayed()
    return answer


def _is_stored(answer: Answer) -> bool:
    status = int(answer["statusCode"])
    return status < 400 or status in (404, 409)
