"""The retention of the notification context's rows."""

from datetime import timedelta

from commerce.notification.tables import mail_table
from commerce.runtime.db.retention import Retention

KEPT_FOR = timedelta(days=30)  # longer than an event can be delivered again: spec §7.1

RETENTIONS = (Retention.of("mails", mail_table, mail_table.c.begun_at, KEPT_FOR),)
