"""The reasons for which an address is mailed no more."""

from enum import StrEnum


class Suppression(StrEnum):
    """The mail service's report of an address."""

    BOUNCE = "BOUNCE"
    """There is no such mailbox, for good."""
    COMPLAINT = "COMPLAINT"
    """Its owner called a mail of ours spam."""
