"""The validation of the gateway's callbacks."""

import pytest
from pydantic import ValidationError

from commerce.payment import Callback

SAID = {"transactionKey": "TX-1", "orderId": "an order", "amount": 12000, "status": "SUCCESS"}


@pytest.mark.parametrize("key", ["\x00", "TX\x001", "", "a" * 201, "\ud800"])
def test_a_transaction_key_that_cannot_be_stored_is_refused(key: str) -> None:
    Callback.model_validate(SAID)
    with pytest.raises(ValidationError):
        Callback.model_validate({**SAID, "transactionKey": key})
