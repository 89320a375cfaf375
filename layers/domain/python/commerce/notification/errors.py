"""The errors of the notification context."""

from commerce.shared.errors import CommerceError, Kind


class MailNotTaken(CommerceError):
    """The mail service did not take the mail."""

    kind = Kind.UNAVAILABLE
    code = "MAIL_NOT_TAKEN"


class BeingSent(CommerceError):
    """Another delivery of the event is being mailed, or was begun and may have been sent."""

    kind = Kind.UNAVAILABLE
    code = "MAIL_BEING_SENT"
