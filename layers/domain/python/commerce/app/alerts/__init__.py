"""Alerts that operators receive once, and the record of all that was alerted."""

from commerce.app.alerts.sending import alert_once, publish

__all__ = ["alert_once", "publish"]
