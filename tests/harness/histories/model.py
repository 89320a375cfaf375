"""The shop as its specification says it, for one caller at a time: what a call may answer, and do.

A state is a mapping from what there is to how it is: ("stock", "p0") for what is available,
("on_hand", "p0"), ("balance", "u0"), ("left",)
copies of the coupon, ("copy", "u0"), ("order", "k1"), and ("done", "k1"): what was answered first
to an Idempotency-Key; ("units", "u0", "p0") that a buyer has of a product, and how many orders of a
buyer are ("unpaid", "u0"), or were when they ended unpaid: ("lapses", "u0"). An order is
called by the key that it was placed with; of it, the units that were cancelled in parts are
("gone", "k1"), and the points refunded for them ("back", "k1"). Where the shop has a drop,
("drop",) is its state.

Where several rules refuse a call, the specification does not say which one is named, and the shop
looks at them one after the other: any refusal that is true at its moment is right.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, TypeAlias

from commerce.order.limits import HoldLimits
from tests.harness.histories import drop_model
from tests.harness.histories.drop_model import DropModel, DropState
from tests.harness.histories.history import Answer, Call, Setup

Key: TypeAlias = tuple[str, ...]
State: TypeAlias = Mapping[Key, Any]
Outcome: TypeAlias = tuple[Answer, dict[Key, Any]]
"""An answer, with what it changes."""

LEFT: Key = ("left",)
DROP: Key = ("drop",)
FROM_HERE = {
    "expire": ("PENDING",),
    "cancel": ("PENDING", "CONFIRMED"),
    "cancel_as_admin": ("PENDING", "CONFIRMED", "SHIPPED"),
    "ship": ("CONFIRMED",),
    "deliver": ("SHIPPED",),
}
STEPS = {
    "expire": ("CANCELLED", "ORDER_NOT_EXPIRABLE"),
    "cancel": ("CANCELLED", "ORDER_NOT_CANCELLABLE"),
    "cancel_as_admin": ("CANCELLED", "ORDER_NOT_CANCELLABLE"),
    "ship": ("SHIPPED", "ORDER_NOT_SHIPPABLE"),
    "deliver": ("DELIVERED", "ORDER_NOT_DELIVERABLE"),
}
LIMITS = HoldLimits()
READS = drop_model.READS | {
    "read_points", "read_stock", "read_shelf", "read_order", "read_copies"
}  # fmt: skip


class Model:
    """Answers calls on states, without changing any."""

    def __init__(
        self, setup: Setup, calls: Sequence[Call], drawn: Mapping[str, Any] | None = None
    ) -> None:
        """Take what a drop's draw was made of from the history's end, where there is one."""
        self._setup = setup
        self._drop = DropModel(setup.drop, drawn or {}) if setup.drop else None
        self._buyers = [f"u{n}" for n in range(setup.buyers)]
        self._products = [f"p{n}" for n in range(len(setup.stock))]
        self._wishes = {call.args["key"]: call.args for call in calls if call.kind == "place"}

    def start(self) -> State:
        """Return the state before the first call."""
        setup = self._setup
        return {
            **{("balance", buyer): setup.points for buyer in self._buyers},
            **{
                (name, f"p{n}"): units
                for n, units in enumerate(setup.stock)
                for name in ("stock", "on_hand")
            },
            **{("units", u, p): 0 for u, p in product(self._buyers, self._products)},
            **dict.fromkeys(product(("unpaid", "lapses"), self._buyers), 0),
            LEFT: setup.copies,
            **({DROP: self._drop.start()} if self._drop else {}),
        }

    def outcomes(self, state: State, call: Call) -> Iterator[Outcome]:
        """Every answer that is right on this state, with what goes with it."""
        key = call.args.get("key")
        if key is not None and ("done", key) in state:
            yield state["done", key], {}
            return
        for answer, changes in self._first_time(state, call):
            if key is not None and changes:
                changes["done", key] = answer
            yield answer, changes

    def touched(self, call: Call) -> set[Key]:
        """All that the call may look at or change: calls with nothing in common are independent."""
        args = call.args
        touched: set[Key] = {("done", args["key"])} if args.get("key") else set()
        if "order" in args:
            touched |= {("order", args["order"])} | self._of_request(
                self.order_request(args["order"])
            )
        if call.kind == "place":
            touched |= self._of_request(args) | {("order", args["key"])}
        if call.kind in ("charge", "read_points"):
            touched.add(("balance", args["buyer"]))
        if call.kind in ("set_stock", "count", "adjust", "read_stock", "read_shelf"):
            touched |= {("stock", args["product"]), ("on_hand", args["product"])}
        if call.kind == "issue":
            touched |= {LEFT, ("copy", args["buyer"])}
        if call.kind == "read_copies":
            touched.add(("copy", args["buyer"]))
        return touched | self._of_drop(call)

    def _of_drop(self, call: Call) -> set[Key]:
        if call.kind not in drop_model.KINDS or self._setup.drop is None:
            return set()
        moves_stock = call.kind in drop_model.MOVING_STOCK
        product = self._setup.drop.product
        return {DROP, *([("stock", product), ("on_hand", product)] if moves_stock else [])}

    def order_request(self, order: str) -> Mapping[str, Any]:
        """Return the request that placed the order."""
        return self._wishes[order.partition("#")[0]]

    def paid(self, order_request: Mapping[str, Any]) -> tuple[int, int]:
        """Return the points that an order costs, and its coupon's discount."""
        total = self._setup.price * sum(quantity for _, quantity in order_request["lines"])
        discount = min(self._setup.discount, total) if order_request.get("coupon") else 0
        points = order_request["points"] if order_request["method"] == "CARD" else total - discount
        return points, discount

    def _of_request(self, order_request: Mapping[str, Any]) -> set[Key]:
        buyer = order_request["buyer"]
        touched: set[Key] = {("balance", buyer), ("unpaid", buyer), ("lapses", buyer)}
        for name, _ in order_request["lines"]:
            touched |= {("stock", name), ("on_hand", name), ("units", buyer, name)}
            if self._is_dropped(name):
                touched.add(DROP)
        return touched | ({("copy", buyer)} if order_request.get("coupon") else set())

    def _is_dropped(self, product: str) -> bool:
        return self._setup.drop is not None and self._setup.drop.product == product

    def _first_time(self, state: State, call: Call) -> Iterator[Outcome]:
        if call.kind in STEPS:
            return self._step(state, call)
        if call.kind in drop_model.KINDS:
            return self._about_the_drop(state, call)
        does: Callable[[State, Mapping[str, Any]], Iterator[Outcome]]
        does = getattr(self, f"_{call.kind}")
        return does(state, call.args)

    def _about_the_drop(self, state: State, call: Call) -> Iterator[Outcome]:
        assert self._drop is not None
        assert self._setup.drop is not None
        stock: Key = ("stock", self._setup.drop.product)
        drop: DropState = state[DROP]
        for answer, after, gained in self._drop.outcomes(drop, call.kind, call.args, state[stock]):
            changes: dict[Key, Any] = {DROP: after} if after is not None else {}
            yield answer, changes | ({stock: state[stock] + gained} if gained else {})

    def _place(self, state: State, args: Mapping[str, Any]) -> Iterator[Outcome]:
        buyer, wanted = args["buyer"], Counter(dict(args["lines"]))
        points, discount = self.paid(args)
        balance = state["balance", buyer]
        refusals: list[Answer] = [*self._unavailable(state, args, wanted)]
        if args.get("coupon") and state.get(("copy", buyer)) != "AVAILABLE":
            refusals.append({"refused": "COUPON_NOT_USABLE"})
        if balance < points:
            refusals.append({"refused": "INSUFFICIENT_POINTS", "available": balance})
        refusals += self._beyond_limits(state, args)
        for refusal in refusals:
            yield refusal, {}
        if refusals:
            return
        status = "CONFIRMED" if args["method"] == "POINT" else "PENDING"
        changes = self._taken(state, buyer, wanted)
        if args.get("offer"):
            changes = {key: value for key, value in changes.items() if key[0] != "stock"}
            is_paid = status == "CONFIRMED"
            changes[DROP] = drop_model.ordered(state[DROP], buyer, is_paid=is_paid)
        changes |= {("balance", buyer): balance - points, ("order", args["key"]): status}
        changes["unpaid", buyer] = state["unpaid", buyer] + (status == "PENDING")
        if args.get("coupon"):
            changes["copy", buyer] = "USED"
        order = {"order": args["key"], "status": status, "points": points, "discount": discount}
        yield order, changes

    def _unavailable(
        self, state: State, args: Mapping[str, Any], wanted: Mapping[str, int]
    ) -> Iterator[Answer]:
        """Yield the refusals of units: the offer's, the drop's, the stock's."""
        if args.get("offer"):
            refusal = drop_model.offer_refusal(state[DROP], args["buyer"])
            if refusal is not None:
                yield refusal
            return
        if DROP in state and state[DROP].is_under_way and any(map(self._is_dropped, wanted)):
            yield {"refused": "DROP_ONLY"}
        stock = {name: state["stock", name] for name in wanted}
        short = {name: stock[name] for name in wanted if stock[name] < wanted[name]}
        if short:
            yield {"refused": "OUT_OF_STOCK", "available": short}

    @staticmethod
    def _taken(state: State, buyer: str, wanted: Mapping[str, int]) -> dict[Key, Any]:
        changes: dict[Key, Any] = {}
        for name, quantity in wanted.items():
            changes["stock", name] = state["stock", name] - quantity
            changes["units", buyer, name] = state["units", buyer, name] + quantity
        return changes

    def _beyond_limits(self, state: State, args: Mapping[str, Any]) -> Iterator[Answer]:
        buyer, limit = args["buyer"], self._setup.max_per_buyer
        for name, quantity in args["lines"]:
            already = state["units", buyer, name]
            if limit is not None and already + quantity > limit:
                yield {"refused": "PURCHASE_LIMIT", "already": already}
        if args["method"] == "CARD" and state["unpaid", buyer] >= LIMITS.unpaid_orders:
            yield {"refused": "TOO_MANY_UNPAID_ORDERS"}
        if args["method"] == "CARD" and state["lapses", buyer] >= LIMITS.lapses:
            yield {"refused": "HOLD_COOLDOWN"}

    def _step(self, state: State, call: Call) -> Iterator[Outcome]:
        order = call.args["order"]
        status = state.get(("order", order))
        becomes, refusal = STEPS[call.kind]
        if status is None:
            return  # nobody can name an order that is not placed
        order_request = self.order_request(order)
        is_early = call.kind == "expire" and not self._is_claim_over(state, order_request)
        if status not in FROM_HERE[call.kind] or is_early:
            yield {"refused": refusal, "is": status}, {}
            return
        changes: dict[Key, Any] = {("order", order): becomes}
        if becomes == "SHIPPED":
            for name, quantity in self._left(state, order).items():
                changes["on_hand", name] = state["on_hand", name] - quantity
        elif becomes == "CANCELLED":
            lapses = call.kind != "cancel_as_admin"
            changes |= self._returned(state, order, status, lapses=lapses)
        yield {"status": becomes}, changes

    def _cancel_part(self, state: State, args: Mapping[str, Any]) -> Iterator[Outcome]:
        order, name, units = args["order"], args["product"], args["units"]
        status = state.get(("order", order))
        if status is None:
            return
        left = self._left(state, order)
        is_whole = left == {name: units}
        refused = {"refused": "ORDER_NOT_CANCELLABLE", "is": status}
        if status in ("CANCELLED", "DELIVERED"):
            yield refused, {}
        elif units > left.get(name, 0):
            yield {"refused": "NOTHING_LEFT", "left": left.get(name, 0)}, {}
        elif status not in (FROM_HERE["cancel"] if is_whole else ("CONFIRMED",)):
            yield refused, {}
        elif is_whole:
            changes: dict[Key, Any] = {("order", order): "CANCELLED"}
            changes |= self._returned(state, order, status, lapses=True)
            yield {"status": "CANCELLED"}, changes
        else:
            yield {"status": status}, self._gone(state, order, name, units)

    def _gone(self, state: State, order: str, name: str, units: int) -> dict[Key, Any]:
        """Return what the cancellation of a part changes, of an order that points have paid."""
        order_request = self.order_request(order)
        buyer, gone = order_request["buyer"], state.get(("gone", order), {})
        bought, share = dict(order_request["lines"])[name], self._share(order_request, name)
        before = gone.get(name, 0)
        cost = self._setup.price * units
        cost -= share * (before + units) // bought - share * before // bought
        return {
            ("gone", order): {**gone, name: before + units},
            ("back", order): state.get(("back", order), 0) + cost,
            ("balance", buyer): state["balance", buyer] + cost,
            ("stock", name): state["stock", name] + units,
            ("units", buyer, name): state["units", buyer, name] - units,
        }

    def _share(self, order_request: Mapping[str, Any], name: str) -> int:
        """Return a line's share of the discount, by largest remainder; the earlier one's first."""
        units = [quantity for _, quantity in order_request["lines"]]
        discount, total = self.paid(order_request)[1], sum(units)
        shares: list[int] = [discount * each // total for each in units]
        rest = [(discount * each % total, -number) for number, each in enumerate(units)]
        for _, number in sorted(rest, reverse=True)[: discount - sum(shares)]:
            shares[-number] += 1
        return shares[[each for each, _ in order_request["lines"]].index(name)]

    def _left(self, state: State, order: str) -> dict[str, int]:
        """Return the units of an order that were not cancelled in parts, by product."""
        gone = state.get(("gone", order), {})
        lines = self.order_request(order)["lines"]
        left = {name: quantity - gone.get(name, 0) for name, quantity in lines}
        return {name: units for name, units in left.items() if units}

    def _returned(self, state: State, order: str, status: str, *, lapses: bool) -> dict[Key, Any]:
        """Return what a cancellation changes; goods that were shipped are gone."""
        order_request = self.order_request(order)
        buyer = order_request["buyer"]
        balance: Key = ("balance", buyer)
        points = self.paid(order_request)[0] - state.get(("back", order), 0)
        changes: dict[Key, Any] = {balance: state[balance] + points}
        for name, quantity in self._left(state, order).items():
            changes["units", buyer, name] = state["units", buyer, name] - quantity
            if status == "SHIPPED":
                continue
            if order_request.get("offer"):
                changes[DROP] = drop_model.released(state[DROP], buyer)
            else:
                changes["stock", name] = state["stock", name] + quantity
        if status == "PENDING":
            changes["unpaid", buyer] = state["unpaid", buyer] - 1
            changes["lapses", buyer] = state["lapses", buyer] + lapses
        if order_request.get("coupon"):
            changes["copy", buyer] = "AVAILABLE"
        return changes

    @staticmethod
    def _is_claim_over(state: State, order_request: Mapping[str, Any]) -> bool:
        """Return whether the time of an order is over; only orders of a drop end in histories."""
        entry = state[DROP].entry(order_request["buyer"]) if order_request.get("offer") else None
        return entry is not None and entry.is_claim_over

    def _charge(self, state: State, args: Mapping[str, Any]) -> Iterator[Outcome]:
        account: Key = ("balance", args["buyer"])
        balance = state[account] + args["amount"]
        yield {"balance": balance}, {account: balance}

    def _issue(self, state: State, args: Mapping[str, Any]) -> Iterator[Outcome]:
        copy: Key = ("copy", args["buyer"])
        if copy in state:
            yield {"copy": args["buyer"], "is_new": False}, {}
        elif state[LEFT] == 0:
            yield {"refused": "COUPON_SOLD_OUT"}, {}
        else:
            changes = {copy: "AVAILABLE", LEFT: state[LEFT] - 1}
            yield {"copy": args["buyer"], "is_new": True}, changes

    def _set_stock(self, state: State, args: Mapping[str, Any]) -> Iterator[Outcome]:
        product, quantity = args["product"], args["quantity"]
        yield self._moved(state, product, quantity - state["stock", product])

    def _count(self, state: State, args: Mapping[str, Any]) -> Iterator[Outcome]:
        product = args["product"]
        yield self._moved(state, product, args["on_hand"] - state["on_hand", product])

    def _adjust(self, state: State, args: Mapping[str, Any]) -> Iterator[Outcome]:
        yield self._moved(state, args["product"], args["delta"])

    @staticmethod
    def _moved(state: State, product: str, change: int) -> Outcome:
        on_hand, available = state["on_hand", product] + change, state["stock", product] + change
        if available < 0:
            return {"refused": "OVERSOLD", "by": -available}, {}
        changes: dict[Key, Any] = {("stock", product): available, ("on_hand", product): on_hand}
        return _shelf(on_hand, available), changes

    def _read_points(self, state: State, args: Mapping[str, Any]) -> Iterator[Outcome]:
        yield {"balance": state["balance", args["buyer"]]}, {}

    def _read_stock(self, state: State, args: Mapping[str, Any]) -> Iterator[Outcome]:
        yield {"stock": state["stock", args["product"]]}, {}

    def _read_shelf(self, state: State, args: Mapping[str, Any]) -> Iterator[Outcome]:
        product = args["product"]
        yield _shelf(state["on_hand", product], state["stock", product]), {}

    def _read_order(self, state: State, args: Mapping[str, Any]) -> Iterator[Outcome]:
        if ("order", args["order"]) in state:
            yield {"status": state["order", args["order"]]}, {}

    def _read_copies(self, state: State, args: Mapping[str, Any]) -> Iterator[Outcome]:
        copy: Key = ("copy", args["buyer"])
        yield {"copies": [state[copy]] if copy in state else []}, {}


def _shelf(on_hand: int, available: int) -> Answer:
    return {"on_hand": on_hand, "reserved": on_hand - available, "stock": available}
