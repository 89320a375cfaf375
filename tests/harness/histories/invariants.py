"""Invariants that one pass over the calls, rows and events checks, for histories of any length.

They search for no order, so they see less than the checker; what they see is wrong in every order.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from tests.harness.histories.checker import order_content
from tests.harness.histories.history import Call, History
from tests.harness.histories.model import Model

EVENTS_BY_STATUS = {
    "PENDING": {"OrderPlaced"},
    "CONFIRMED": {"OrderPlaced", "OrderConfirmed"},
    "SHIPPED": {"OrderPlaced", "OrderConfirmed", "OrderShipped"},
    "DELIVERED": {"OrderPlaced", "OrderConfirmed", "OrderShipped", "OrderDelivered"},
    "CANCELLED": {"OrderPlaced", "OrderCancelled"},
}
"""The events that an order in this final status must have recorded."""


def violations(history: History) -> list[str]:
    """Everything that cannot be, each as a sentence."""
    return [
        *(f"answered 500: {each}" for each in history.failures),
        *(f"the books do not hold: {each}" for each in history.books),
        *_orders(history),
        *_stock(history),
        *_points(history),
        *_coupons(history),
        *_replays(history),
        *_events(history),
        *_order_events(history),
        *_stock_events(history),
        *_metrics(history),
    ]


def _orders(history: History) -> Iterator[str]:
    """Each order was requested, each request is one order at most, each answered one exists."""
    model = Model(history.setup, history.calls)
    order_requests: dict[str, list[Call]] = defaultdict(list)
    for call in history.calls:
        if call.kind == "place":
            order_requests[call.args["key"]].append(call)
    possible: Counter[tuple[Any, ...]] = Counter()
    certain: Counter[tuple[Any, ...]] = Counter()
    for key, calls in order_requests.items():
        names = {call.answer["order"] for call in calls if call.answer and "order" in call.answer}
        if len(names) > 1:
            yield f"one key, several orders: {sorted(names)}"
        content = _content(model, calls[0].args)
        certain[content] += bool(names)
        unknown = any(call.answer is None for call in calls)
        possible[content] += bool(names) or unknown
        if any(name != key for name in names):
            yield f"the key {key} was answered with another order than its first: {sorted(names)}"
    placed: dict[str, Any] = {"status": None, "gone": {}}
    found = Counter(order_content({**each, **placed}) for each in history.end["orders"])
    for content in found | possible | certain:
        if not certain[content] <= found[content] <= possible[content]:
            yield (
                f"orders like {content[:4]}: {found[content]} are there,"
                f" {certain[content]} to {possible[content]} were placed"
            )


def _content(model: Model, order_request: Mapping[str, Any]) -> tuple[Any, ...]:
    points, discount = model.paid(order_request)
    return order_content({**order_request, "points": points, "discount": discount, "status": None})


def _kept(order: Mapping[str, Any]) -> dict[str, int]:
    """Return the units of an order by product, without those that were cancelled in parts."""
    gone = order.get("gone", {})
    return {product: quantity - gone.get(product, 0) for product, quantity in order["lines"]}


def _not_cancelled(history: History) -> list[dict[str, Any]]:
    return [each for each in history.end["orders"] if each["status"] != "CANCELLED"]


def _stock(history: History) -> Iterator[str]:
    """The stock left is the initial stock less the units bought, where no admin changed it.

    What was shipped does not come back when its order is cancelled.
    """
    changing = ("set_stock", "count", "adjust")
    counted = {call.args["product"] for call in history.calls if call.kind in changing}
    shipped = {each["about"] for each in history.committed if each["type"] == "OrderShipped"}
    sold: Counter[str] = Counter()
    for order in history.end["orders"]:
        if order["status"] != "CANCELLED" or order["about"] in shipped:
            sold.update(_kept(order))
    for number, units in enumerate(history.setup.stock):
        product = f"p{number}"
        left = history.end["stock"][product]
        if left < 0:
            yield f"{left} units of {product} are left"
        if (
            product not in counted
            and product != _dropped(history)
            and left != units - sold[product]
        ):
            yield f"{left} units of {product} are left of {units}, {sold[product]} were bought"


def _dropped(history: History) -> str | None:
    """Return the product of the drop, whose allotted units are neither sold nor available."""
    return history.setup.drop.product if history.setup.drop else None


def _points(history: History) -> Iterator[str]:
    """Each account is what it had, and was charged, less what its orders cost."""
    charges: dict[str, tuple[str, int, bool]] = {}
    for call in history.calls:
        if call.kind == "charge":
            _, _, is_known = charges.get(call.args["key"], ("", 0, False))
            is_known = is_known or (call.answer is not None and "balance" in call.answer)
            if is_known or call.answer is None:
                charges[call.args["key"]] = (call.args["buyer"], call.args["amount"], is_known)
    for number in range(history.setup.buyers):
        buyer = f"u{number}"
        spent = sum(
            each["points"] - each.get("points_back", 0)
            for each in _not_cancelled(history)
            if each["buyer"] == buyer
        )
        mine = [each for each in charges.values() if each[0] == buyer]
        known = sum(amount for _, amount, is_known in mine if is_known)
        unknown = [amount for _, amount, is_known in mine if not is_known]
        extra = history.end["balance"][buyer] - (history.setup.points + known - spent)
        if extra not in _sums(unknown):
            yield f"{buyer} has {extra} points more than charged and not spent"


def _sums(amounts: list[int]) -> set[int]:
    sums = {0}
    for amount in amounts:
        sums |= {each + amount for each in sums}
    return sums


def _coupons(history: History) -> Iterator[str]:
    """Copies and what is left of them are all; a copy is used by one order, or by none."""
    copies = history.end["copies"]
    if len(copies) + history.end["left"] != history.setup.copies or history.end["left"] < 0:
        yield f"{len(copies)} copies of {history.setup.copies}, {history.end['left']} left"
    using = Counter(each["buyer"] for each in _not_cancelled(history) if each["discount"])
    for buyer in {*copies, *using}:
        if using[buyer] != (copies.get(buyer) == "USED"):
            yield f"the copy of {buyer} is {copies.get(buyer)}, {using[buyer]} orders use it"
    for call in history.calls:
        if call.kind == "issue" and call.answer and "copy" in call.answer:
            if call.answer["copy"] != call.args["buyer"]:
                yield f"a second copy: {call.answer['copy']}"
            if call.args["buyer"] not in copies:
                yield f"the copy of {call.args['buyer']} was answered, and is not there"


def _replays(history: History) -> Iterator[str]:
    """A replayed refusal was the first answer to the same key."""
    by_key: dict[str, list[Call]] = defaultdict(list)
    for call in history.calls:
        if call.args.get("key"):
            by_key[call.args["key"]].append(call)
    for calls in by_key.values():
        for call in calls:
            if not (call.is_replay and call.refusal):
                continue
            if not any(
                other.start < call.end
                and not other.is_replay
                and (other.answer is None or other.answer == call.answer)
                for other in calls
            ):
                yield f"call {call.id} replays {call.refusal}, which no call was answered"


def _events(history: History) -> Iterator[str]:
    """Every committed event was taken by the bus, and each aggregate's in its order."""
    committed = {each["id"]: each for each in history.committed}
    for id_ in committed.keys() - set(history.taken):
        yield f"lost: {_named(committed[id_])}"
    for id_ in set(history.taken) - committed.keys():
        yield f"published, and never committed: {id_}"
    before: dict[str, list[tuple[int, set[str]]]] = defaultdict(list)
    seen: set[str] = set()
    for put in history.puts:
        refused = set(put["refused"])
        for event in (
            committed[id_] for id_ in put["took"] if id_ in committed and id_ not in seen
        ):
            seen.add(event["id"])
            others = before[event["aggregate"]]
            # Within the one call that refused it, what came later may have passed.
            if any(version > event["version"] and event["id"] not in r for version, r in others):
                yield f"out of order: {_named(event)}"
            others.append((event["version"], refused))


def _named(event: Mapping[str, Any]) -> str:
    return f"{event['type']} {event['version']} of {event['about']}"


def _order_events(history: History) -> Iterator[str]:
    """Each order recorded the events of its life cycle, each once."""
    types: dict[str, Counter[str]] = defaultdict(Counter)
    for each in history.committed:
        types[each["about"]][each["type"]] += 1
    for order in history.end["orders"]:
        of_order = types[order["about"]]
        if missing := EVENTS_BY_STATUS[order["status"]] - set(of_order):
            yield f"an order that is {order['status']} never recorded {sorted(missing)}"
        if any(n > 1 for type_, n in of_order.items() if type_ != "OrderLinesCancelled"):
            yield f"an order recorded an event twice: {dict(of_order)}"


_STOCK_EVENTS = ("StockReturned", "StockSoldOut")


def _stock_events(history: History) -> Iterator[str]:
    """Each product's sold-out and returned events alternate, and the last is its final state."""
    for number, units in enumerate(history.setup.stock):
        product = f"p{number}"
        committed = [
            e for e in history.committed if e["about"] == product and e["type"] in _STOCK_EVENTS
        ]
        committed.sort(key=lambda each: each["version"])
        types = [each["type"] for each in committed]
        expected = [_STOCK_EVENTS[turn % 2] for turn in range(len(committed))]
        if units and types != expected:
            yield f"{product} recorded out of order: {types}"
        is_there = bool(types) and types[-1] == _STOCK_EVENTS[0]
        if (
            committed
            and product != _dropped(history)
            and is_there != (history.end["stock"][product] > 0)
        ):
            yield f"{product} has {history.end['stock'][product]} units, and recorded {types}"


def _metrics(history: History) -> Iterator[str]:
    """The consumer counted each confirmed order once, and took each cancelled one back once."""
    if not history.metrics:
        return
    expected = {f"p{number}": [0, 0, 0] for number in range(len(history.setup.stock))}
    for order in history.end["orders"]:
        if order["status"] in ("CONFIRMED", "SHIPPED", "DELIVERED"):
            for product, quantity in _kept(order).items():
                counted = expected[product]
                amount = quantity * history.setup.price
                orders = counted[0] + bool(quantity)
                expected[product] = [orders, counted[1] + quantity, counted[2] + amount]
    for product, counted in expected.items():
        if history.metrics.get(product, [0, 0, 0]) != counted:
            yield f"{product} counted {history.metrics.get(product)}, and should {counted}"
