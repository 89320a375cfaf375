"""The drop of `make drop-demo`: its shoppers' line, on a machine of any speed."""

from infra.local.api import Api
from infra.local.demo import Buyer
from infra.local.drop_demo import Shopper, in_line


def shoppers(*names: str) -> list[Shopper]:
    api = Api("http://127.0.0.1:1")
    return [Shopper(Buyer(name, api), "drop", f"entry of {name}") for name in names]


def test_shoppers_after_the_seal_stand_behind_the_drawn_as_they_came() -> None:
    entered = shoppers("late", "third", "first", "later", "second")
    proof = {
        "entries": [
            {"entry_id": f"entry of {name}", "position": place}
            for place, name in enumerate(("first", "second", "third"), 1)
        ]
    }

    line = in_line(entered, proof)

    assert [each.name for each in line] == ["first", "second", "third", "late", "later"]
