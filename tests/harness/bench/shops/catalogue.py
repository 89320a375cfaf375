"""The products that both shops sell, and the address to which they are sent."""

import csv
from dataclasses import dataclass
from pathlib import Path

# The address of every order, as we want it.
ADDRESS = {
    "recipient": "Wile Coyote",
    "phone": "+43 1 5337 8060",
    "line1": "Stephansplatz 1",
    "city": "Wien",
    "country": "AT",
    "postal_code": "1010",
}
PLENTY = 1_000_000


@dataclass(frozen=True, slots=True)
class Product:
    """A product with the units on hand; its price is in the currency's smallest unit."""

    name: str
    price: int
    units: int


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Products that do not run out, one for each race, and one that is ordered in turn."""

    plenty: int
    races: int
    units: int
    """On hand for each race."""
    units_in_turn: int

    @property
    def products(self) -> list[Product]:
        """All of them, in that order."""
        lasting = [Product(f"Anvil {n}", 1000 + n, PLENTY) for n in range(1, self.plenty + 1)]
        scarce = [Product(f"Last anvils {n}", 1000, self.units) for n in range(1, self.races + 1)]
        return [*lasting, *scarce, Product("Last anvils in turn", 1000, self.units_in_turn)]

    def write_csv(self, file: Path) -> None:
        """Write it as Vendure imports it, with the place in the list as SKU."""
        with file.open("w", newline="", encoding="utf-8") as output:
            writer = csv.DictWriter(output, _COLUMNS, restval="")
            writer.writeheader()
            for number, each in enumerate(self.products):
                writer.writerow(
                    {
                        "name": each.name,
                        "slug": each.name.lower().replace(" ", "-"),
                        "sku": str(number),
                        "price": f"{each.price / 100:.2f}",
                        "taxCategory": "standard",
                        "stockOnHand": str(each.units),
                        "trackInventory": "true",
                    }
                )


_COLUMNS = (
    "name", "slug", "description", "assets", "facets", "optionGroups", "optionValues", "sku",
    "price", "taxCategory", "stockOnHand", "trackInventory", "variantAssets", "variantFacets",
)  # fmt: skip
