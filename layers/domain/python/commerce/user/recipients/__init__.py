"""Recipients: whom a mail may go to, and the addresses that are mailed no more."""

from commerce.user.recipients.facade import RecipientFacade
from commerce.user.recipients.model import Suppression
from commerce.user.recipients.repository import RecipientRepository

__all__ = ["RecipientFacade", "RecipientRepository", "Suppression"]
