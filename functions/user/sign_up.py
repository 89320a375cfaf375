"""POST /users: somebody becomes a user."""

from commerce.bootstrap import in_transaction
from commerce.entrypoints.http import http_api, lambda_handler
from commerce.user import LoginIdTaken, SignUp, UserView

api = http_api()


@api.post("/users")
def sign_up(command: SignUp) -> tuple[UserView, int]:
    return in_transaction(lambda shop: shop.users.sign_up(command)), 201


handler = lambda_handler(api, success=(201,), refusals=(LoginIdTaken,))
