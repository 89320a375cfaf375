"""PUT /users/me/password: a user changes their password, which ends their other sessions."""

from aws_lambda_powertools.event_handler import Response

from commerce.app import accounts
from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import USER, Buyer, http_api, lambda_handler, no_content
from commerce.user import UserNotFound, WeakPassword
from commerce.user.sessions import BadCredentials, ChangePassword, TooManyAttempts

api = http_api()


@api.put("/users/me/password")
def change_password(command: ChangePassword, buyer: Buyer) -> Response[None]:
    in_transaction(accounts.change_password, command, identity=buyer).require()
    return no_content()


handler = lambda_handler(
    api,
    access=USER,
    success=(204,),
    refusals=(BadCredentials, TooManyAttempts, UserNotFound, WeakPassword),
)
