"""Bounces and complaints, which the mail service reports of mails that it has sent.

Only SES writes to the topic, and only the topic to the queue, as their policies have it; what
arrives is read strictly all the same.
"""

import logging
from email.utils import parseaddr
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter

from commerce.app.transactions import in_transaction
from commerce.user.recipients import RecipientFacade, Suppression

MAX_RECIPIENTS = 50  # of one mail of SES'; ours have one
MAX_ADDRESS = 512

logger = logging.getLogger(__name__)


class _Recipient(BaseModel):
    address: Annotated[
        str, Field(alias="emailAddress", max_length=MAX_ADDRESS, pattern=r"^[^\x00-\x1f]*$")
    ]

    @property
    def bare(self) -> str:
        """The address without the name that may be in front of it."""
        return parseaddr(self.address)[1]


_Recipients = Annotated[list[_Recipient], Field(max_length=MAX_RECIPIENTS)]


class _Bounce(BaseModel):
    kind: Annotated[str, Field(alias="bounceType")]
    recipients: Annotated[_Recipients, Field(alias="bouncedRecipients")]


class _Complaint(BaseModel):
    kind: Annotated[str | None, Field(alias="complaintFeedbackType")] = None
    recipients: Annotated[_Recipients, Field(alias="complainedRecipients")]


class _Report(BaseModel):
    """A notification of SES': its other fields are not read."""

    kind: Annotated[str, Field(alias="notificationType")]
    bounce: _Bounce | None = None
    complaint: _Complaint | None = None

    @property
    def suppresses(self) -> tuple[Suppression, list[_Recipient]] | None:
        """Return what is mailed no more, and why; None where the report is of something else.

        A soft bounce may pass, and a complaint that says "not-spam" praises.
        """
        if self.kind == "Bounce" and self.bounce and self.bounce.kind == "Permanent":
            return Suppression.BOUNCE, self.bounce.recipients
        if self.kind == "Complaint" and self.complaint and self.complaint.kind != "not-spam":
            return Suppression.COMPLAINT, self.complaint.recipients
        return None


_REPORT: TypeAdapter[Any] = TypeAdapter(_Report)


def take_feedback(body: str) -> None:
    """Suppress the addresses of a hard bounce or a complaint; done twice, it is done once.

    Raises ValueError where it is no notification of SES'.
    """
    found = read_feedback(body)
    if found is None:
        logger.info("mail feedback: nothing to do")
        return
    reason, addresses = found
    for each in addresses:
        owner = in_transaction(RecipientFacade.suppress, each, reason)
        logger.info(
            "mail feedback: suppressed" if owner else "mail feedback: no account's address",
            extra={"reason": reason.value, "user_id": str(owner) if owner else None},
        )


def read_feedback(body: str) -> tuple[Suppression, list[str]] | None:
    """Return the addresses to be mailed no more, and why; None of any other report.

    Raises ValueError where it is no notification of SES'.
    """
    try:
        report: _Report = _REPORT.validate_json(body)
    except ValueError:
        # Its message would show the address.
        raise ValueError("this is no notification of the mail service") from None
    if report.suppresses is None:
        return None
    reason, recipients = report.suppresses
    return reason, [each.bare for each in recipients]
