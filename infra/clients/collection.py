"""A collection for HTTP tools: every request of the document, and a first order to play in turn."""

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

FIRST_ORDER = "A first order"
"""The folder that newman plays."""

VARIABLES = {"baseUrl": "", "bearerToken": ""}
NEW_KEY = "{{$guid}}"  # a new one for each request that is sent

_ORDER = {
    "lines": [{"product_id": "{{product_id}}", "quantity": 1}],
    "payment_method": "POINT",
}
_IN_STOCK = 'answer.items.find((each) => each.availability === "ON_SALE").product_id'


@dataclass(frozen=True, slots=True)
class Step:
    """A request of the document with values of its own, and what its answer must be."""

    name: str
    operation: str
    status: int
    body: Mapping[str, Any] | None = None
    key: str = NEW_KEY
    query: Mapping[str, str] = field(default_factory=dict)
    keeps: Mapping[str, str] = field(default_factory=dict)  # a variable, and its JavaScript
    tests: Mapping[str, str] = field(default_factory=dict)  # a title, and its JavaScript


STEPS = (
    Step("Open an account", "POST /users", 201, {
        "login_id": "{{login_id}}", "password": "{{password}}", "name": "Wile E. Coyote",
        "email": "{{login_id}}@example.com", "birth_date": "1949-09-17", "gender": "OTHER",
    }),
    Step("Sign in", "POST /sessions", 201,
         {"login_id": "{{login_id}}", "password": "{{password}}"},
         keeps={"bearerToken": "answer.access_token"}),
    Step("Find a product", "GET /products", 200, query={"sort": "price_asc", "limit": "100"},
         keeps={"product_id": _IN_STOCK}),
    Step("Charge points", "POST /users/me/points/charges", 201, {"amount": 1_000_000_000}),
    Step("Place an order", "POST /orders", 201, _ORDER, key="{{order_key}}",
         keeps={"order_id": "answer.order_id"}),
    Step("Send it again", "POST /orders", 201, _ORDER, key="{{order_key}}", tests={
        "it is the same order": 'pm.expect(answer.order_id).to.equal(pm.variables.get("order_id"))',
        "it is the first answer": 'pm.response.to.have.header("Idempotency-Replayed", "true")',
    }),
    Step("Read it", "GET /orders/{order_id}", 200,
         tests={"it is paid": 'pm.expect(answer.status).to.equal("CONFIRMED")'}),
    Step("Order nothing", "POST /orders", 422,
         {**_ORDER, "lines": [{"product_id": "{{product_id}}", "quantity": 0}]},
         tests={"the code says why": 'pm.expect(answer.code).to.equal("VALIDATION_FAILED")'}),
    Step("Sign out", "DELETE /sessions/current", 204),
    Step("Be signed out", "GET /users/me", 401,
         tests={"the code says why": 'pm.expect(answer.code).to.equal("SESSION_ENDED")'}),
)  # fmt: skip

_NEW_BUYER = [
    'const random = () => pm.variables.replaceIn("{{$guid}}");',
    'pm.collectionVariables.set("login_id", `c${random().slice(0, 8)}`);',
    'pm.collectionVariables.set("password", random());',
    'pm.collectionVariables.set("order_key", random());',
]


def complete(collection: Json) -> Json:
    """Return a converter's collection with variables, keys that are new, and the first order.

    Raises KeyError where a step's request is not in the document.
    """
    complete = copy.deepcopy(collection)
    requests = {_operation(each["request"]): each for each in _requests(complete["item"])}
    for each in requests.values():
        _set_header(each["request"], "Idempotency-Key", NEW_KEY)
    played = [_item(requests[step.operation], step) for step in STEPS]
    played[0]["event"].insert(0, _script("prerequest", _NEW_BUYER))
    folder = {
        "name": FIRST_ORDER,
        "description": "Set baseUrl, and run the folder: each request uses what those before got.",
        "item": played,
    }
    complete["item"].insert(0, folder)
    complete["variable"] = [{"key": name, "value": value} for name, value in VARIABLES.items()]
    return complete


def _requests(items: list[Json]) -> Iterator[Json]:
    for each in items:
        if "item" in each:
            yield from _requests(each["item"])
        else:
            yield each


def _operation(request: Json) -> str:
    """Return `GET /orders/{order_id}` for a request to /orders/:order_id."""
    parts = (f"{{{part[1:]}}}" if part.startswith(":") else part for part in request["url"]["path"])
    return f"{request['method']} /{'/'.join(parts)}"


def _item(generated: Json, step: Step) -> Json:
    request = copy.deepcopy(generated["request"])
    request["name"] = step.name
    _set_header(request, "Idempotency-Key", step.key)
    for variable in request["url"]["variable"]:
        variable["value"] = f"{{{{{variable['key']}}}}}"
    for parameter in request["url"]["query"]:
        if parameter["key"] in step.query:
            parameter |= {"disabled": False, "value": step.query[parameter["key"]]}
    if step.body is not None:
        request["body"]["raw"] = json.dumps(step.body, indent=2)
    return {"name": step.name, "request": request, "event": [_script("test", _tests(step))]}


def _set_header(request: Json, name: str, value: str) -> None:
    for header in request["header"]:
        if header["key"] == name:
            header |= {"disabled": False, "value": value}


def _tests(step: Step) -> Iterator[str]:
    status = f"() => pm.response.to.have.status({step.status})"
    yield f"pm.test({json.dumps(f'it answers {step.status}')}, {status});"
    if step.keeps or step.tests:
        yield "const answer = pm.response.json();"
    for name, value in step.keeps.items():
        yield f"pm.collectionVariables.set({json.dumps(name)}, {value});"
    for title, statement in step.tests.items():
        yield f"pm.test({json.dumps(title)}, () => {{ {statement}; }});"


def _script(listen: str, lines: Iterator[str] | list[str]) -> Json:
    return {"listen": listen, "script": {"type": "text/javascript", "exec": list(lines)}}
