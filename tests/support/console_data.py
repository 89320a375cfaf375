"""Shops to show on the console's screens: one with problems, and one without."""

import math
from uuid import UUID

from commerce.app.checkout.gateway import payment_breaker
from commerce.app.messaging import relay
from commerce.app.transactions import in_transaction
from commerce.metrics import MetricDelta
from commerce.payment.breaker import Call, Permit
from commerce.runtime.messaging.bus import MAX_BYTES
from commerce.shared import clock
from tests.support.dead_letters import DeadQueue, an_order_message
from tests.support.lambda_calls import call
from tests.support.orders import an_order, cancel_as_admin, deliver, ship
from tests.support.payments import a_card_order
from tests.support.shop import Person, a_brand, a_buyer, a_key, a_product, an_admin, rows
from tests.support.time_travel import earlier

BRANDS = {
    "Onmaru": [("Moon Jar Mug", 32_000, 40), ("Tea Bowl, numbered", 95_000, 14)],
    "Haneul Roasters": [("Morning Blend 200 g", 14_000, 120), ("Decaf Evening 200 g", 15_500, 45)],
    "Baram Outdoor": [("Ridge Windbreaker", 129_000, 25), ("Trail Socks, 2 pairs", 24_000, 90)],
}
ERROR = {"DataType": "String", "StringValue": "DeliverySystemFailed: HTTP 503 after three tries"}


def a_days_sales() -> tuple[Person, list[str]]:
    """Orders of every hour, more in the evening; returns their buyer and the products."""
    buyer = a_buyer(points=900_000_000)
    products = [
        a_product(stock=stock, price=price, name=name, brand_id=brand)
        for brand_name, offered in BRANDS.items()
        for brand in [a_brand(brand_name)]
        for name, price, stock in offered
    ]
    admin = an_admin()
    for hour in range(23, -1, -1):
        with earlier(hours=hour, minutes=4):
            for number in range(round(2 + 2 * math.sin(hour / 3.5))):
                product = products[(hour * 5 + number * 3) % len(products)]
                order_id = an_order(buyer, (product, 1 + number % 2))
                rows("INSERT INTO shipment_notice VALUES ($1, 'ORDER', now())", order_id)
                if hour > 3:
                    ship(admin, order_id)
                if hour > 9:
                    deliver(admin, order_id)
    cancel_as_admin(admin, an_order(buyer, (products[0], 1)))
    in_transaction(
        lambda shop: shop.metrics.add([_tally(n, id_) for n, id_ in enumerate(products)])
    )
    return buyer, products


def _tally(number: int, product_id: str) -> MetricDelta:
    return MetricDelta(
        product_id=UUID(product_id),
        at=clock.now(),
        views=140 - 19 * number,
        likes=9 - number,
        orders=6 - number,
        units=6 - number,
        amount=30_000 * (6 - number),
    )


def a_bad_hour(dead: DeadQueue) -> None:
    """Everything the console can show is wrong at once."""
    buyer, products = a_days_sales()
    sold_out = products[1]
    left = int(rows("SELECT quantity FROM stock WHERE product_id = $1", sold_out)[0].quantity)
    an_order(buyer, (sold_out, left))
    with earlier(minutes=12):
        untold = [an_order(buyer, (products[2], 1)) for _ in range(2)]
    with earlier(hours=30):
        an_order(buyer, (products[4], 1))
    rows(
        "UPDATE outbox SET data = data || jsonb_build_object('x', repeat('x', $1))"
        " WHERE position = (SELECT max(position) FROM outbox WHERE type = 'OrderConfirmed')",
        MAX_BYTES,
    )
    relay().run()
    _letters(dead, untold)
    _payments(buyer, products[3])
    breaker = payment_breaker()
    for failure in ("HTTP 500", "HTTP 500", "slow, 2.6 s", "HTTP 500", "read timed out") * 2:
        permit = breaker.admit()
        if isinstance(permit, Permit):
            breaker.report(permit, [Call(0.4, failure)])


def _letters(dead: DeadQueue, order_ids: list[str]) -> None:
    bodies = [an_order_message(each, str(clock.new_id())) for each in order_ids]
    dead.fill(*bodies, attributes={"ERROR_MESSAGE": ERROR})
    dead.fill('{"detail": "nobody can read this"}')


def _payments(buyer: Person, product_id: str) -> None:
    for minutes in (1, 9):
        with earlier(minutes=minutes):
            order_id = a_card_order(buyer, product_id)
            body = {"order_id": order_id, "card_type": "KB", "card_no": "4111-2222-3333-9876"}
            call(
                "payment/pay_order", "POST", "/payments", body=body, token=buyer.token, key=a_key()
            )
