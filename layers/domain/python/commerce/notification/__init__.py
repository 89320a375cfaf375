"""Mail: each event is mailed once, however often it is delivered."""

from commerce.notification.errors import BeingSent, MailNotTaken
from commerce.notification.facade import NotificationFacade
from commerce.notification.mailer import Mailer, SesMailer
from commerce.notification.model import Mail
from commerce.notification.repository import MailRepository
from commerce.notification.templates import Letter, Template, written

__all__ = [
    "BeingSent", "Letter", "Mail", "MailNotTaken", "MailRepository", "Mailer", "NotificationFacade",
    "SesMailer", "Template", "written",
]  # fmt: skip
