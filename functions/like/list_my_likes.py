"""GET /users/me/likes: a user lists what they like, newest first."""

from commerce.app.catalogue import LikedProduct, catalogue
from commerce.entrypoints.http import USER, Buyer, Cursor, Limit, http_api, lambda_handler
from commerce.shared.schemas import Page

api = http_api()


@api.get("/users/me/likes")
def list_my_likes(user: Buyer, limit: Limit = 20, cursor: Cursor = None) -> Page[LikedProduct]:
    return catalogue().liked_by(user.user_id, limit=limit, after=cursor)


handler = lambda_handler(api, access=USER)
