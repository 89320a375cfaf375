import os

from lastunit_client import AuthenticatedClient
from lastunit_client.api.order import place_order
from lastunit_client.api.product import list_products
from lastunit_client.models import (
    ExpectedTotal,
    LineWanted,
    OrderView,
    PageOfProductView,
    PaymentMethod,
    PlaceOrder,
    ProblemCode,
    ProductSort,
)

shop = AuthenticatedClient(
    os.environ["API_URL"], os.environ["TOKEN"], raise_on_unexpected_status=True
)
page = list_products.sync(client=shop, sort=ProductSort.PRICE_ASC, limit=1)
assert isinstance(page, PageOfProductView)
product = page.items[0]
order = place_order.sync(
    client=shop,
    body=PlaceOrder(
        lines=[LineWanted(product_id=product.product_id, quantity=1)],
        payment_method=PaymentMethod.POINT,
        expected_total=ExpectedTotal.from_dict(product.price.to_dict()),
    ),
    idempotency_key="my-python-order",
)
if isinstance(order, OrderView):
    print(order.order_id, order.status, order.total.amount, order.total.currency)
elif order is not None and order.code == ProblemCode.OUT_OF_STOCK:
    print("Sold out.")
elif order is not None:
    print(order.code, order.detail)
