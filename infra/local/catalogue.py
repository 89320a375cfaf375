"""The demo catalogue: what a small shop would sell, put there through the API."""

from datetime import datetime, timedelta
from typing import NamedTuple

from infra.local.api import Api, Json
from infra.local.drops import publish_drop


class DemoProduct(NamedTuple):
    """A product of the demo catalogue."""

    name: str
    description: str
    price_won: int
    stock_quantity: int


CATALOGUE: dict[tuple[str, str], tuple[DemoProduct, ...]] = {
    ("Haneul Roasters", "Small-batch coffee, roasted in Seongsu every morning."): (
        DemoProduct("Morning Blend 200 g", "Chocolate, hazelnut, a round cup.", 14_000, 120),
        DemoProduct("Ethiopia Guji 200 g", "Peach and jasmine; a light roast.", 18_500, 60),
        DemoProduct("Decaf Evening 200 g", "Caramel, and a night's sleep.", 15_500, 45),
    ),
    ("Onmaru", "Tableware thrown by hand in Icheon."): (
        DemoProduct("Moon Jar Mug", "Stoneware, 320 ml, no two alike.", 32_000, 40),
        DemoProduct("Breakfast Plate", "Celadon glaze, 22 cm.", 28_000, 35),
        DemoProduct("Tea Bowl, numbered", "A series of twenty; the last is sold once.", 95_000, 20),
        DemoProduct("Moon Jar, first firing", "Five of a kind, sold by a drop.", 180_000, 5),
    ),
    ("Baram Outdoor", "Light things for long walks."): (
        DemoProduct("Ridge Windbreaker", "90 g, packs into its own pocket.", 129_000, 25),
        DemoProduct("Trail Socks, 2 pairs", "Merino, cushioned heel.", 24_000, 200),
        DemoProduct("Titanium Cup 450 ml", "Folding handles, 62 g.", 39_000, 80),
    ),
    ("Papier Studio", "Paper and ink for people who still write."): (
        DemoProduct("Dotted Notebook A5", "160 pages that lie flat.", 12_000, 300),
        DemoProduct("Brass Pen", "Gets better with every year.", 46_000, 50),
        DemoProduct("Letter Set Autumn", "Twelve sheets, six envelopes.", 9_800, 150),
    ),
}  # fmt: skip


DROP_BRAND, DROP_PRODUCT = "Onmaru", "Moon Jar, first firing"
DROP_WAITS_SECONDS = (30, 120, 600)  # until its entries begin; the later ones on a slow machine
COUPON = {
    "name": "Welcome, 10 % off",
    "kind": "RATE",
    "value": 10,
    "max_discount": 5_000,
    "min_order_amount": 10_000,
    "total_quantity": 1_000,
    "valid_from": "2026-01-01T00:00:00+09:00",
    "valid_until": "2100-01-01T00:00:00+09:00",
}


def seed_catalogue(admin: Api) -> int:
    """Register what is missing of the demo catalogue; return how many products that were.

    A brand or product of the same name is taken for the one meant, so that a second start
    adds nothing and restocks nothing. One product is sold by a drop, which a start publishes
    where none is under way.
    """
    brands = {brand["name"]: brand["brand_id"] for brand in _every(admin, "/brands?limit=100")}
    added = 0
    for (name, description), products in CATALOGUE.items():
        if name not in brands:
            brand = {"name": name, "description": description}
            brands[name] = admin.call("POST", "/admin/brands", brand)["brand_id"]
        added += _seed_products(admin, brands[name], products)
    if COUPON["name"] not in {coupon["name"] for coupon in _every(admin, "/coupons?limit=100")}:
        admin.call("POST", "/admin/coupons", COUPON)
    seed_drop(admin, brands[DROP_BRAND])
    return added


def seed_drop(admin: Api, brand_id: str | int) -> str | None:
    """Publish a drop of all units of the catalogue's drop product that are in stock.

    Returns its id; None where a drop of it is under way, or where all units are sold. People have
    ten minutes to enter it.
    """
    found = _every(admin, f"/products?brand_id={brand_id}&limit=100")
    [product_id] = [each["product_id"] for each in found if each["name"] == DROP_PRODUCT]
    units = admin.call("GET", f"/products/{product_id}")["stock_quantity"]
    if not units:  # a drop that is under way has them all
        return None

    def terms(entries_at: datetime) -> Json:
        return {
            "lots": [{"product_id": product_id, "units": units}],
            "entries_at": entries_at.isoformat(),
            "draws_at": (entries_at + timedelta(minutes=10)).isoformat(),
            "offers_until": (entries_at + timedelta(hours=2)).isoformat(),
            "claim_minutes": 10,
            "verified_only": False,
        }

    return str(publish_drop(admin, terms, DROP_WAITS_SECONDS)["drop_id"])


def _seed_products(admin: Api, brand_id: str | int, products: tuple[DemoProduct, ...]) -> int:
    found = _every(admin, f"/products?brand_id={brand_id}&limit=100")
    names = {product["name"] for product in found}
    missing = [product for product in products if product.name not in names]
    for product in missing:
        registered = admin.call(
            "POST",
            "/admin/products",
            {
                "brand_id": brand_id,
                "name": product.name,
                "description": product.description,
                "price_amount": product.price_won,
            },
        )
        stock = f"/admin/products/{registered['product_id']}/stock"
        admin.call("PUT", stock, {"quantity": product.stock_quantity})
    return len(missing)


def _every(api: Api, path: str) -> list[dict[str, str]]:
    items: list[dict[str, str]] = []
    cursor = ""
    while True:
        page = api.call("GET", path + cursor)
        items += page["items"]
        if not page.get("next_cursor"):
            return items
        cursor = f"&cursor={page['next_cursor']}"
