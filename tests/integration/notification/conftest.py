"""Fixtures that the tests of mails share."""

import pytest

from tests.support.mails import verify_sender


@pytest.fixture
def mail_service(shop_environment: None) -> None:
    """SES takes mails from the shop."""
    verify_sender()
