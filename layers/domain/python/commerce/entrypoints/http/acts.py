"""The audit of staff: a row before each act begins, and its outcome once it is answered.

An act that is answered 202 goes on with further requests, of which the last one ends it.
"""

import json
from collections.abc import Collection
from http import HTTPStatus

from commerce.app.sessions import require_session
from commerce.app.transactions import in_transaction
from commerce.entrypoints.http.request import IncomingRequest
from commerce.entrypoints.http.responses import Answer
from commerce.entrypoints.telemetry import logger
from commerce.runtime import audit, replay
from commerce.runtime.audit import Outcome, StaffAct
from commerce.runtime.tokens import Identity
from commerce.shared import clock

MAX_SUBJECT = 500
_READS = ("GET", "HEAD")


def begin(
    identity: Identity | None,
    request: IncomingRequest,
    *,
    reads_personal_data: bool,
    continues: Collection[str] = (),
) -> StaffAct | None:
    """Record that staff begin a write, or a read of personal data; None for any other request.

    None, too, for an operation in `continues`: it goes on with an act that has its row.

    Their session is checked before anything else, in the same round trip. Raises SessionEnded,
    TokenExpired.
    """
    if identity is None or not identity.is_staff:
        return None
    is_read = request.event["httpMethod"] in _READS and not reads_personal_data
    if is_read or request.operation in continues:
        require_session()
        return None
    subject = str(request.event["path"])[:MAX_SUBJECT]
    act = StaffAct(clock.new_id(), identity.by, request.operation, subject)
    in_transaction(lambda shop: audit.begin_act(shop.uow, act))
    return act


def end(act: StaffAct | None, answer: Answer) -> None:
    """Record how an act ended. Where that fails its outcome stays unknown: it is answered."""
    if act is None or answer["statusCode"] == HTTPStatus.ACCEPTED:
        return
    outcome, code = _outcome(answer)
    try:
        in_transaction(lambda shop: audit.end_act(shop.uow, act, outcome, code))
    except Exception:  # noqa: BLE001  (it is done, and the row says that its outcome is unknown)
        logger.warning("the outcome of a staff act was not recorded", exc_info=True)


def _outcome(answer: Answer) -> tuple[Outcome, str | None]:
    status = answer["statusCode"]
    if status < HTTPStatus.BAD_REQUEST:
        return (Outcome.REPLAYED if replay.is_replayed() else Outcome.DONE), None
    is_ours = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return (Outcome.FAILED if is_ours else Outcome.REFUSED), json.loads(answer["body"])["code"]
