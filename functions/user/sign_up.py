"""POST /users: somebody opens an account."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import http_api, lambda_handler
from commerce.user import LoginIdTaken, SignUp, UserFacade, UserView

api = http_api()


@api.post("/users")
def sign_up(command: SignUp) -> tuple[UserView, int]:
    return in_transaction(UserFacade.sign_up, command), 201


handler = lambda_handler(api, success=(201,), refusals=(LoginIdTaken,))
