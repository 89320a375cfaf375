"""The mail service's bounces and complaints -> an address is mailed no more."""

from commerce.app.mail_feedback import take_feedback
from commerce.entrypoints.queue import message_handler

handler = message_handler(lambda record: take_feedback(record.body))
