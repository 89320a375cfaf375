"""A shopper's way through a running shop, and one edit by staff, by the Python client.

API_URL and ADMIN_TOKEN say where. The exit code is 1, with the answer, where it is not the one that
the document promises.
"""

import os
from datetime import date
from secrets import token_hex
from typing import TypeVar

import httpx
from lastunit_client import AuthenticatedClient, Client
from lastunit_client.api.brand import edit_brand, list_brands
from lastunit_client.api.order import get_order, place_order
from lastunit_client.api.point import charge_points
from lastunit_client.api.product import get_product, list_products
from lastunit_client.api.user import end_current_session, get_me, open_session, sign_up
from lastunit_client.models import (
    ChargePoints,
    ChargeView,
    EditBrand,
    ExpectedTotal,
    Gender,
    LineWanted,
    NewSessionView,
    OpenSession,
    OrderDetailView,
    OrderStatus,
    OrderView,
    PageOfBrandView,
    PageOfProductView,
    PaymentMethod,
    PlaceOrder,
    Problem,
    ProblemCode,
    ProductDetailView,
    ProductSort,
    SignUp,
    UserView,
)
from lastunit_client.types import UNSET

API_URL = os.environ["API_URL"]
PATIENCE = httpx.Timeout(120)  # a function's first call on a busy machine takes a while
MOST_OF_A_LINE = 99
CHARGED = 1_000_000_000

Answer = TypeVar("Answer")


def expect(kind: type[Answer], answer: object) -> Answer:
    """Return an answer of this type; anything else ends the run."""
    if not isinstance(answer, kind):
        raise SystemExit(f"A {kind.__name__} was expected, and this came: {answer!r}")
    return answer


def refuse(code: ProblemCode, answer: object) -> Problem:
    """Return the problem with this code; anything else ends the run."""
    problem = expect(Problem, answer)
    if problem.code != code:
        raise SystemExit(f"{code} was expected, and this came: {problem!r}")
    return problem


def same(wanted: object, found: object) -> None:
    """End the run unless the two are equal."""
    if wanted != found:
        raise SystemExit(f"{wanted!r} was expected, and this came: {found!r}")


def sign_in(anyone: Client) -> AuthenticatedClient:
    """Sign a new user up and in."""
    login_id, password = f"py{token_hex(4)}", token_hex(12)
    somebody = SignUp(
        login_id=login_id,
        password=password,
        name="Wile E. Coyote",
        email=f"{login_id}@example.com",
        birth_date=date(1949, 9, 17),
        gender=Gender.OTHER,
    )
    same(login_id, expect(UserView, sign_up.sync(client=anyone, body=somebody)).login_id)
    refuse(ProblemCode.LOGIN_ID_TAKEN, sign_up.sync(client=anyone, body=somebody))
    wanted = OpenSession(login_id=login_id, password=password)
    session = expect(NewSessionView, open_session.sync(client=anyone, body=wanted))
    return AuthenticatedClient(
        API_URL, session.access_token, timeout=PATIENCE, raise_on_unexpected_status=True
    )


def find_product(anyone: Client) -> ProductDetailView:
    """Read the products page by page until one is in stock, but not a whole line of it."""
    cursor: str | None = None
    while True:
        listed = list_products.sync(
            client=anyone, sort=ProductSort.PRICE_ASC, limit=3, cursor=cursor or UNSET
        )
        page = expect(PageOfProductView, listed)
        for each in page.items:
            found = get_product.sync(client=anyone, product_id=each.product_id)
            product = expect(ProductDetailView, found)
            if 0 < product.stock_quantity < MOST_OF_A_LINE:
                return product
        cursor = page.next_cursor
        if cursor is None:
            raise SystemExit("No product is in stock: make reset starts afresh.")


def buy(shopper: AuthenticatedClient, product: ProductDetailView) -> None:
    """Pay with points, press twice, and ask for more than there is."""
    charge = ChargePoints(amount=CHARGED)
    charged = charge_points.sync(client=shopper, body=charge, idempotency_key=token_hex(8))
    same(CHARGED, expect(ChargeView, charged).balance.amount)
    key = token_hex(8)
    wanted = _order_of(product, 1)
    order = expect(OrderView, place_order.sync(client=shopper, body=wanted, idempotency_key=key))
    same((OrderStatus.CONFIRMED, product.price), (order.status, order.total))
    again = place_order.sync_detailed(client=shopper, body=wanted, idempotency_key=key)
    same((order, "true"), (again.parsed, again.headers.get("Idempotency-Replayed")))
    reused = place_order.sync(client=shopper, body=_order_of(product, 2), idempotency_key=key)
    refuse(ProblemCode.IDEMPOTENCY_KEY_REUSED, reused)
    detail = expect(OrderDetailView, get_order.sync(client=shopper, order_id=order.order_id))
    same((order.total, OrderStatus.CONFIRMED), (detail.total, detail.history[-1].status))
    too_much = place_order.sync(
        client=shopper, body=_order_of(product, MOST_OF_A_LINE), idempotency_key=token_hex(8)
    )
    [line] = refuse(ProblemCode.OUT_OF_STOCK, too_much).errors or []
    same((product.product_id, MOST_OF_A_LINE), (line.product_id, line.requested))
    nothing = place_order.sync(
        client=shopper, body=_order_of(product, 0), idempotency_key=token_hex(8)
    )
    [field] = refuse(ProblemCode.VALIDATION_FAILED, nothing).errors or []
    same("lines.0.quantity", field.field)


def _order_of(product: ProductDetailView, quantity: int) -> PlaceOrder:
    line = LineWanted(product_id=product.product_id, quantity=quantity)
    price = product.price
    agreed = ExpectedTotal(amount=price.amount * quantity, currency=price.currency)
    return PlaceOrder(lines=[line], payment_method=PaymentMethod.POINT, expected_total=agreed)


def edit_stale_brand(staff: AuthenticatedClient) -> None:
    """Edit a brand by a version that it does not have: nothing changes."""
    [brand] = expect(PageOfBrandView, list_brands.sync(client=staff, limit=1)).items
    edited = edit_brand.sync(
        client=staff,
        brand_id=brand.brand_id,
        body=EditBrand(description="Never seen"),
        if_match='"0.0-0000000000000000"',
    )
    refuse(ProblemCode.STALE_VERSION, edited)


def sign_out(shopper: AuthenticatedClient) -> None:
    """End the session, whose token opens nothing then."""
    same(204, end_current_session.sync_detailed(client=shopper).status_code)
    refuse(ProblemCode.SESSION_ENDED, get_me.sync(client=shopper))


def main() -> None:
    """Go all the way."""
    anyone = Client(API_URL, timeout=PATIENCE, raise_on_unexpected_status=True)
    shopper = sign_in(anyone)
    buy(shopper, find_product(anyone))
    edit_stale_brand(AuthenticatedClient(API_URL, os.environ["ADMIN_TOKEN"], timeout=PATIENCE))
    sign_out(shopper)


if __name__ == "__main__":
    main()
