"""ProductChanged, BrandChanged -> what is kept of them, renewed before the shoppers come."""

from collections.abc import Sequence
from typing import Any

from commerce.app.catalogue import catalogue
from commerce.brand import BrandChanged
from commerce.entrypoints.queue import Received, batch_handler
from commerce.product import ProductChanged


def renew(received: Sequence[Received[Any]]) -> None:
    events = [each.event for each in received]
    for brand_id in {str(each.brand_id) for each in events if isinstance(each, BrandChanged)}:
        catalogue().renew_brand(brand_id)
    products = {str(each.product_id) for each in events if isinstance(each, ProductChanged)}
    catalogue().renew_products(products)


handler = batch_handler([ProductChanged, BrandChanged], renew)
