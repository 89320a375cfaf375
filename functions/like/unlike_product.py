"""DELETE /products/{product_id}/like: a user likes a product no longer."""

from commerce.app import likes
from commerce.app.transactions import once
from commerce.entrypoints.http import USER, Buyer, OptionalRequestKey, http_api, lambda_handler
from commerce.entrypoints.idempotency import answer_once
from commerce.like import LikeView
from commerce.product import ProductNotFound

api = http_api()


@api.delete("/products/<product_id>/like")
def unlike_product(product_id: str, user: Buyer, key: OptionalRequestKey) -> LikeView:
    return once(key, likes.unlike_product, product_id, user_id=user.user_id)


handler = lambda_handler(
    api,
    access=USER,
    idempotent="optional",
    answered_by=answer_once,
    refusals=(ProductNotFound,),
)
