"""POST /users/me/addresses: a user adds an address to their address book."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import USER, Buyer, http_api, lambda_handler
from commerce.user import UserNotFound
from commerce.user.address_book import AddAddress, AddressBookFacade, AddressView, TooManyAddresses

api = http_api()


@api.post("/users/me/addresses")
def add_address(command: AddAddress, buyer: Buyer) -> tuple[AddressView, int]:
    return in_transaction(AddressBookFacade.add, command, user_id=buyer.user_id), 201


handler = lambda_handler(
    api, access=USER, success=(201,), refusals=(TooManyAddresses, UserNotFound)
)
