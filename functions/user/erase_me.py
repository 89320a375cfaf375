"""DELETE /users/me: a user erases their account for good; their orders stay under its id."""

from aws_lambda_powertools.event_handler import Response

from commerce.app.privacy import erase
from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import USER, Buyer, http_api, lambda_handler, no_content
from commerce.user import UserNotFound
from commerce.user.erasure import EraseMe, OpenOrders, StillStaff
from commerce.user.sessions import BadCredentials, TooManyAttempts

api = http_api()


@api.delete("/users/me")
def erase_me(command: EraseMe, buyer: Buyer) -> Response[None]:
    in_transaction(erase, command, user_id=buyer.user_id).require()
    return no_content()


handler = lambda_handler(
    api,
    access=USER,
    success=(204,),
    refusals=(BadCredentials, OpenOrders, StillStaff, TooManyAttempts, UserNotFound),
)
