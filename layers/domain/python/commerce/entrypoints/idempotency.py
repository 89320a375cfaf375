"""Idempotency keys of HTTP requests: Powertools replays answers and refuses concurrent requests.

Powertools alone does not guarantee one effect, because its record can be lost after our commit; the
claim row in the business transaction does (commerce.runtime.idempotency). So its store may be down.
"""

import re
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
from commerce.runtime.idempotency import Claim, IdempotencyKeyReused
from commerce.shared.errors import CommerceError, Kind

STORED_SECONDS = 24 * 60 * 60  # spec §3.1: at least 24 hours
_KEY = re.compile(r"[\x21-\x7e]{8,64}")  # spec §3.1: 8–64 characters; visible ASCII, as in a header

Answer = dict[str, Any]


class IdempotencyKeyMissing(CommerceError):
    """An Idempotency-Key header is needed."""

    kind = Kind.MALFORMED
    code = "IDEMPOTENCY_KEY_MISSING"
    default_detail = "Send 8 to 64 characters, new for each request, the same for each retry."


class IdempotencyKeyInvalid(CommerceError):
    """The Idempotency-Key is not 8 to 64 visible ASCII characters."""

    kind = Kind.MALFORMED
    code = "IDEMPOTENCY_KEY_INVALID"


class RequestInProgress(CommerceError):
    """The first request with this Idempotency-Key is still running."""

    kind = Kind.CONFLICT
    code = "REQUEST_IN_PROGRESS"
    default_detail = "Ask again in a moment to get its answer."
    default_retry_after_seconds = 1


class _NotStored(Exception):
    """Carries an answer out of Powertools without having it stored."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


def find_key(headers: Mapping[str, str]) -> str | None:
    """Return the request's Idempotency-Key, if it has one. Raises IdempotencyKeyInvalid."""
    key = headers.get("idempotency-key", "").strip()
    if key and not _KEY.fullmatch(key):
        raise IdempotencyKeyInvalid
    return key or None


def read_key(headers: Mapping[str, str]) -> str:
    """Return the Idempotency-Key. Raises IdempotencyKeyMissing or IdempotencyKeyInvalid."""
    key = find_key(headers)
    if key is None:
        raise IdempotencyKeyMissing
    return key


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
