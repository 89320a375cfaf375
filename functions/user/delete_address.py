"""DELETE /users/me/addresses/{address_id}: a user deletes an address of their address book."""

from aws_lambda_powertools.event_handler import Response

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import USER, Buyer, http_api, lambda_handler, no_content
from commerce.user import UserNotFound
from commerce.user.address_book import AddressBookFacade, AddressNotFound

api = http_api()


@api.delete("/users/me/addresses/<address_id>")
def delete_address(address_id: str, buyer: Buyer) -> Response[None]:
    in_transaction(AddressBookFacade.remove, address_id, user_id=buyer.user_id)
    return no_content()


handler = lambda_handler(api, access=USER, success=(204,), refusals=(AddressNotFound, UserNotFound))
