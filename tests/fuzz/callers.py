"""Requests that no schema would think of: forged callers, others' ids, hostile words and sizes."""

import base64
import hashlib
import hmac
import json
import os
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import jwt

from commerce.payment.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from commerce.shared import clock, tokens
from tests.fuzz.judge import Json, Tally, complaint, document
from tests.fuzz.world import World
from tests.support.bridge import Bridge
from tests.support.lambda_calls import function, http_event, lambda_context
from tests.support.shop import Person, a_key

WORDS = (
    "'; DROP TABLE orders; --",
    "' OR '1'='1",
    "$1",
    "%s%s%n",
    "{0}{__class__}",
    "${jndi:ldap://localhost/a}",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "a\r\nSet-Cookie: admin=1",
    "a\nX-Admin: 1",
    "\x00",
    "a\x00b",
    "\ud800",
    "\udfff\ud800",
    "\u202egnp.exe",
    "\ufeff",
    "\u200b",
    "e\u0301" * 20,
    "\u212a",  # KELVIN SIGN, the letter k when folded
    "ﬁ",
    "İ",
    "ß",
    "\U0001f4a9" * 50,
    "\ufdfa" * 100,
    "a" * 65,
    "a" * 10_000,
    " ",
    "",
    "null",
    "NaN",
    "1e400",
    "-1",
    "01",
    "١٢٣",  # Arabic digits
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "{0198c0de-0000-7000-8000-00000000000a}",
    "0198C0DE-0000-7000-8000-00000000000A",
    "urn:uuid:0198c0de-0000-7000-8000-00000000000a",
)
HEADERS = ("Idempotency-Key", "If-Match", "If-None-Match", "Accept", "Content-Type")
VALUES: tuple[Any, ...] = (
    *WORDS,
    None,
    True,
    0,
    -1,
    -0.0,
    0.1,
    1e308,
    2**31,
    2**53 + 1,
    2**63,
    -(2**63) - 1,
    10**30,
    [],
    {},
    [[]],
    [None],
    {"$ne": 1},
    {"": ""},
    [0] * 1000,
)
BODIES = (
    "",
    "null",
    "[]",
    "0",
    '"text"',
    "{",
    "}",
    '{"a"',
    "{'a': 1}",
    "NaN",
    '{"a": Infinity}',
    "[" * 5_000 + "]" * 5_000,
    '{"a":' * 5_000 + "1" + "}" * 5_000,
    "[" * 200_000,
    "1" * 5_000,
    '{"lines": ' + "9" * 4_400 + "}",
    "\ufeff{}",
    "\x00",
    '{"a": "\\ud800"}',
    '{"a": 1, "a": 2}',
    '{"__proto__": {}}',
    "a" * (256 * 1024 + 1),
    '"' + "é" * (128 * 1024) + '"',
)


@dataclass(frozen=True, slots=True)
class Operation:
    """A method and path of the document, with the example of what it takes."""

    method: str
    path: str
    example: Any = field(compare=False)
    function: str
    query: tuple[str, ...]


def operations() -> list[Operation]:
    """Every operation of the document."""
    routes = {(each.method, each.path): each.function for each in Bridge().routes}
    return [
        Operation(
            method.upper(),
            path,
            _example(told),
            routes[method.upper(), path],
            tuple(each["name"] for each in told["parameters"] if each["in"] == "query"),
        )
        for path, methods in document()["paths"].items()
        for method, told in methods.items()
    ]


def _example(told: Json) -> Any:
    content = told.get("requestBody", {}).get("content", {})
    return content["application/json"]["example"] if content else None


def send(operation: Operation, tally: Tally, path: str, **request: Any) -> tuple[int, Any]:
    """One request to the operation's handler; what is wrong with its answer is noted."""
    event = http_event(operation.method, path, resource=operation.path, **request)
    event["path"] = path.partition("?")[0]
    try:
        answer = function(operation.function)(event, lambda_context())
        body = str(answer["body"]).encode()  # as the runtime sends it: UTF-8, or nothing at all
    except Exception as error:  # noqa: BLE001 - a handler that raises is what is looked for
        tally.count("raised")
        tally.find(f"raised {error!r}", (operation.method, path, request))
        return 0, None
    headers = {name.lower(): values[-1] for name, values in answer["multiValueHeaders"].items()}
    status = int(answer["statusCode"])
    tally.count(status)
    said = complaint(operation.method, operation.path, status, headers, body)
    for name, value in headers.items():
        if "\r" in value or "\n" in value:
            said = f"a line break in {name}"
    if said:
        shown = {name: value for name, value in request.items() if name != "token"}
        tally.find(said, (operation.method, path, body[:200], shown))
    is_json = "json" in headers.get("content-type", "")
    return status, json.loads(body) if is_json and body else None


def hostile_words(world: World, chance: random.Random, cases: int) -> Iterator[Tally]:
    """Every value in every field, in every id and query, and bodies that are hardly JSON."""
    tried = list(_requests(world))
    chance.shuffle(tried)
    of_each: dict[Operation, list[tuple[str, dict[str, Any]]]] = {}
    for operation, path, request in tried[:cases]:
        of_each.setdefault(operation, []).append((path, request))
    for operation, requests in of_each.items():
        tally = Tally(f"{operation.method} {operation.path} hostile")
        for path, request in requests:
            send(operation, tally, path, **request)
        yield tally


def _requests(world: World) -> Iterator[tuple[Operation, str, dict[str, Any]]]:
    for operation in operations():
        path, token = world.path(operation.path), world.token_for(operation.path)
        usual = {"token": token, "key": a_key(), "body": operation.example}
        for word in WORDS:
            for where in _places(operation, path, world, word):
                yield operation, where, usual
            for header in HEADERS:
                yield operation, path, {**usual, "key": None, "headers": {header: word}}
        for body in _changed(operation.example) if operation.example is not None else ():
            yield operation, path, {**usual, "key": a_key(), "body": body}
        for raw in BODIES:
            yield operation, path, {"token": token, "key": a_key(), "raw_body": raw}


def _places(operation: Operation, path: str, world: World, word: str) -> Iterator[str]:
    """The operation's paths with the word as an id, and as each part of the query."""
    for name in _names(operation.path):
        yield world.path(operation.path, {name: word})
    for name in operation.query:
        yield f"{path}?{name}={quote(word, safe='', errors='surrogatepass')}"


def _names(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _changed(example: Any) -> Iterator[Any]:
    """The example with each value at each place, and with a name that nobody asked for."""
    if isinstance(example, dict):
        for name in example:
            yield {key: value for key, value in example.items() if key != name}
            for inner in _changed(example[name]):
                yield {**example, name: inner}
        for word in WORDS:
            yield {**example, word: word}
    elif isinstance(example, list):
        for inner in _changed(example[0]):
            yield [inner]
        yield example * 2
        yield example * 10_000
    yield from VALUES


def hostile_callbacks(chance: random.Random, cases: int) -> Tally:
    """What comes signed is read as carefully: the gateway may have been taken over."""
    tally = Tally("hostile callbacks, signed")
    [operation] = [each for each in operations() if each.path == "/payments/callbacks"]
    bodies = [*BODIES, *(json.dumps(each) for each in _changed(operation.example))]
    for _ in range(cases):
        raw = chance.choice(bodies)
        now = str(int(clock.now().timestamp()))
        try:
            signature = sign(now, raw.encode(), os.environ["GATEWAY_SECRET"])
        except UnicodeEncodeError:
            signature = "no bytes, no signature"
        headers = {TIMESTAMP_HEADER: now, SIGNATURE_HEADER: signature}
        send(operation, tally, operation.path, raw_body=raw, headers=headers)
    return tally


def forged_tokens(world: World) -> Tally:
    """A token with each of its parts forged opens nothing; an admin's doors open to admins."""
    tally = Tally("forged tokens")
    for operation in operations():
        security = document()["paths"][operation.path][operation.method.lower()]["security"]
        if security not in ([{"user": []}], [{"admin": []}]):
            continue
        path = world.path(operation.path)
        for name, token in _forged(world.admin):
            status, _ = send(
                operation, tally, path, token=token, key=a_key(), body=operation.example
            )
            if status != 401:
                tally.find(f"{status} with a forged {name}", (operation.method, path))
        if security == [{"admin": []}]:
            status, _ = send(
                operation,
                tally,
                path,
                token=world.caller.token,
                key=a_key(),
                body=operation.example,
            )
            if status != 403:
                tally.find(f"{status} for a user", (operation.method, path))
    return tally


def _forged(admin: Person) -> Iterator[tuple[str, str]]:
    header, claims, signature = admin.token.split(".")
    known = jwt.decode(admin.token, options={"verify_signature": False})
    kid = jwt.get_unverified_header(admin.token)["kid"]
    yield "signature", f"{header}.{claims}.{signature[:-2]}AA"
    yield "signature (none)", f"{header}.{claims}."
    yield "algorithm", f"{_part({'alg': 'none', 'typ': 'JWT', 'kid': kid})}.{claims}."
    for algorithm in ("HS512", "RS256", "none", "", None, 7):
        yield (
            f"algorithm {algorithm}",
            f"{_part({'alg': algorithm, 'typ': 'JWT', 'kid': kid})}.{claims}.{signature}",
        )
    kids: tuple[Any, ...] = ("current", "", "../kid", "' OR 1=1", None, 7, [], {})
    for forged in kids:
        head = _part({"alg": "HS256", "typ": "JWT", "kid": forged})
        yield f"kid {forged}", f"{head}.{claims}.{signature}"
    for name, value in {**known, "scope": "admin everything", "sub": str(clock.new_id())}.items():
        changed = _part({**known, name: value if name in ("scope", "sub") else "forged"})
        yield f"{name} without its signature", f"{header}.{changed}.{signature}"
    for name, values in _WRONG_CLAIMS.items():
        for value in values:
            yield f"{name} {value!r}, signed", _signed({**known, name: value})
        yield f"no {name}, signed", _signed({k: v for k, v in known.items() if k != name})
    for text in ("", " ", "a", "a.b", "a.b.c", "....", "é.é.é", "a" * 9000, "\x00", "Bearer"):
        yield f"text {text[:9]!r}", text


_WRONG_CLAIMS: Mapping[str, tuple[Any, ...]] = {
    "iss": ("somebody", "", None, 7, [], ["lastunit"]),
    "aud": ("another-api", "", None, 7),
    "sub": ("not a uuid", "", None, 7, [], "\x00"),
    "scope": (None, 7, [], {"admin": True}),
    "iat": ("soon", 10**12, None, []),
    "exp": (0, -1, "soon", None, [], 1),
    "jti": (),
}


def _signed(claims: Mapping[str, Any]) -> str:
    keys = tokens._keys()
    kid = keys["current"]
    head = _part({"alg": "HS256", "typ": "JWT", "kid": kid})
    text = f"{head}.{_part(claims)}"
    mac = hmac.new(keys[kid].encode(), text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def _part(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def others_ids(world: World) -> Tally:
    """What is another user's is told, changed and used on no path; what is not there is 404."""
    tally = Tally("another user's ids")
    before = _of_the_other(world)
    for operation in operations():
        if operation.path.startswith("/admin"):
            continue
        names = [each for each in _names(operation.path) if each in world.others]
        bodies = _with_others_ids(operation.example, world)
        path = world.path(operation.path, {name: world.others[name] for name in names})
        for body in [operation.example] * bool(names) + bodies:
            status, told = send(
                operation, tally, path, token=world.caller.token, key=a_key(), body=body
            )
            if status < 400 and names + bodies:
                tally.find(f"{status}", (operation.method, path, body, told))
    for was, now in zip(before, _of_the_other(world), strict=True):
        if was != now:
            tally.find("something of the other's has changed", (was, now))
    return tally


def _with_others_ids(example: Any, world: World) -> list[Any]:
    if not isinstance(example, dict):
        return []
    changed = [{**example, name: world.others[name]} for name in example.keys() & world.others]
    if "lines" in example:
        lines = [{"product_id": world.ids["product_id"], "quantity": 1}]
        coupon = world.others["issued_coupon_id"]
        changed.append({**example, "lines": lines, "issued_coupon_id": coupon})
    return changed


def _of_the_other(world: World) -> list[Any]:
    asked = {
        "/users/me/points": world.others,
        "/orders": world.others,
        "/orders/{order_id}": world.others,
        "/payments/{payment_id}": world.others,
        "/users/me/coupons": world.others,
    }
    nobody = Tally("the other's own")
    return [
        send(each, nobody, world.path(each.path, world.others), token=world.other.token)[1]
        for each in operations()
        if each.method == "GET" and each.path in asked
    ]
