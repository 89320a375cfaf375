"""ProductChanged, BrandChanged -> refresh what the cache has of them."""

from collections.abc import Sequence
from typing import Any

from commerce.app.catalogue import catalogue
from commerce.brand import BrandChanged
from commerce.entrypoints.queue import Received, batch_handler
from commerce.product import ProductChanged


def refresh(received: Sequence[Received[Any]]) -> None:
    events = [each.event for each in received]
    for brand_id in {str(each.brand_id) for each in events if isinstance(each, BrandChanged)}:
        catalogue().invalidate_brand(brand_id)
    products = {str(each.product_id) for each in events if isinstance(each, ProductChanged)}
    catalogue().refresh_products(products)


handler = batch_handler([ProductChanged, BrandChanged], refresh)
