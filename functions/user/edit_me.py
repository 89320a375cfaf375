"""PATCH /users/me: a user edits their data, unless another client of theirs did meanwhile."""

from aws_lambda_powertools.event_handler import Response

from commerce.app import accounts
from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import USER, Buyer, IfMatch, http_api, lambda_handler, with_etag
from commerce.user import EditMe, EmailTaken, UserNotFound, UserView
from commerce.user.sessions import BadCredentials, TooManyAttempts

api = http_api()


@api.patch("/users/me")
def edit_me(command: EditMe, buyer: Buyer, if_match: IfMatch) -> Response[UserView]:
    edited = in_transaction(accounts.edit_me, buyer.user_id, command, if_match=if_match).view()
    return with_etag(edited.user, edited.version)


handler = lambda_handler(
    api, access=USER, refusals=(BadCredentials, EmailTaken, TooManyAttempts, UserNotFound)
)
