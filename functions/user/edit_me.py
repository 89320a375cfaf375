"""PATCH /users/me: a user edits their data, unless another client of theirs did meanwhile."""

from aws_lambda_powertools.event_handler import Response

from commerce.app.accounts import edit_account
from commerce.entrypoints.http import (
    USER,
    Buyer,
    IfMatch,
    SourceIp,
    http_api,
    lambda_handler,
    with_etag,
)
from commerce.user import EditMe, EmailTaken, UserNotFound, UserView
from commerce.user.sessions import BadCredentials, TooManyAttempts

api = http_api()


@api.patch("/users/me")
def edit_me(
    command: EditMe, buyer: Buyer, if_match: IfMatch, source_ip: SourceIp
) -> Response[UserView]:
    edited = edit_account(buyer.user_id, command, if_match=if_match, source_ip=source_ip).view()
    return with_etag(edited.user, edited.version)


handler = lambda_handler(
    api, access=USER, refusals=(BadCredentials, EmailTaken, TooManyAttempts, UserNotFound)
)
