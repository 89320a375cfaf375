"""GET /users/me/addresses: a user sees their address book."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import USER, Buyer, http_api, lambda_handler
from commerce.shared.schemas import Page
from commerce.user.address_book import AddressBookFacade, AddressView

api = http_api()


@api.get("/users/me/addresses")
def list_addresses(buyer: Buyer) -> Page[AddressView]:
    return in_transaction(AddressBookFacade.list, buyer.user_id)


handler = lambda_handler(api, access=USER)
