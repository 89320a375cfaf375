"""Names for the schemas that generated clients export: what a class is called may be too short.

Within a context a class is `Kind` or `Mode`; among all schemas it is a coupon's or a drop's. A list
of values that several views spell out is one named schema, so that a client has one type for it.
"""

import json
import re
from typing import Any

_REFERENCE = "#/components/schemas/"

NAMES = {
    "BuyPoints": "ChargePoints",
    "Callback": "PaymentCallback",
    "ChargePage": "ChargeView",
    "Discard": "DiscardDeadLetters",
    "Disqualify": "DisqualifyEntry",
    "IssuedStatus": "IssuedCouponStatus",
    "Kind": "CouponKind",
    "LikedProduct": "LikedProductView",
    "Mode": "DropMode",
    "OrderPage": "OrderDetailView",
    "PageOfLikedProduct": "PageOfLikedProductView",
    "Pay": "PayOrder",
    "Period": "RankingPeriod",
    "PublicState": "PublicDropState",
    "Redrive": "RedriveDeadLetters",
    "Sort": "ProductSort",
    "Suppression": "MailSuppression",
}
"""Schemas called otherwise than their classes."""

VALUES = {
    "Availability": ("ProductView", "availability"),
    "CardType": ("PayOrder", "card_type"),
    "ChargeStatus": ("ChargeView", "status"),
    "DropState": ("DropView", "state"),
    "EntryStatus": ("EntryView", "status"),
    "FoundKind": ("FoundView", "kind"),
    "Gender": ("UserView", "gender"),
    "Language": ("UserView", "language"),
    "OrderStatus": ("OrderView", "status"),
    "PaymentMethod": ("PlaceOrder", "payment_method"),
    "PaymentStatus": ("PaymentView", "status"),
    "StockReason": ("AdjustStock", "reason"),
}
"""Schemas made of the values that a property of another one lists."""


def named(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with its schemas named for those who see no module beside them.

    Raises KeyError where a name or a property is no longer there, or a name is taken.
    """
    renamed = _with_names(document)
    schemas = renamed["components"]["schemas"]
    listed = {
        name: schemas[schema]["properties"][field]["enum"]
        for name, (schema, field) in VALUES.items()
    }
    named_already = {name: each["enum"] for name, each in schemas.items() if "enum" in each}
    by_values = {tuple(values): name for name, values in (named_already | listed).items()}
    for schema in schemas.values():
        for field, described in schema.get("properties", {}).items():
            name = by_values.get(tuple(described.get("enum", ())))
            if name is not None:
                rest = {key: value for key, value in described.items() if key not in _OF_A_LIST}
                schema["properties"][field] = {"$ref": f"{_REFERENCE}{name}", **rest}
    schemas |= {name: {"type": "string", "enum": values} for name, values in listed.items()}
    renamed["components"]["schemas"] = dict(sorted(schemas.items()))
    return renamed


_OF_A_LIST = {"type", "enum"}


def _with_names(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document["components"]["schemas"]
    if missing := NAMES.keys() - schemas.keys():
        raise KeyError(f"No schema is called {', '.join(sorted(missing))}: see NAMES")
    if taken := schemas.keys() & NAMES.values():
        raise KeyError(f"Another schema is called {', '.join(sorted(taken))}: see NAMES")
    text = re.sub(
        rf'"{_REFERENCE}(\w+)"',
        lambda found: f'"{_REFERENCE}{NAMES.get(found[1], found[1])}"',
        json.dumps(document),
    )
    renamed: dict[str, Any] = json.loads(text)
    renamed["components"]["schemas"] = {
        NAMES.get(name, name): each for name, each in renamed["components"]["schemas"].items()
    }
    return renamed
