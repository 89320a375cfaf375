"""PATCH /users/me/addresses/{address_id}: a user changes an address of their address book."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import USER, Buyer, http_api, lambda_handler
from commerce.user import UserNotFound
from commerce.user.address_book import (
    AddressBookFacade,
    AddressNotFound,
    AddressView,
    EditAddress,
    WrongPostalCode,
)

api = http_api()


@api.patch("/users/me/addresses/<address_id>")
def edit_address(address_id: str, command: EditAddress, buyer: Buyer) -> AddressView:
    return in_transaction(AddressBookFacade.edit, address_id, command, user_id=buyer.user_id)


handler = lambda_handler(
    api, access=USER, refusals=(AddressNotFound, UserNotFound, WrongPostalCode)
)
