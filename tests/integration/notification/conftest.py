"""Fixtures that the tests of mails share."""

import pytest

from tests.support.mails import verify_sender
from tests.support.sessions import Account, an_account


@pytest.fixture
def mail_service(shop_environment: None) -> None:
    """SES takes mails from the shop."""
    verify_sender()


@pytest.fixture
def account() -> Account:
    """A user who has signed up, and has not verified their address."""
    return an_account()
