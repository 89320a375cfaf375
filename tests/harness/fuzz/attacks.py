"""Requests that no schema would think of: forged callers, others' ids, hostile words and sizes."""

import base64
import hashlib
import hmac
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias
from urllib.parse import quote

import jwt

from commerce.runtime import tokens
from commerce.shared import clock
from tests.harness.fuzz.conformance import MetricDelta, complaint, document
from tests.harness.fuzz.hostile_values import BODIES, HEADERS, MARK, NUMBERS, PATHS, VALUES, WORDS
from tests.harness.fuzz.valid_requests import (
    Operation,
    Ready,
    Wish,
    Words,
    in_place,
    operations,
    sealed,
)
from tests.harness.fuzz.world import World
from tests.support.lambda_calls import function, http_event, lambda_context
from tests.support.payments import CALLBACKS
from tests.support.shop import Person


def send(wish: Wish, delta: MetricDelta) -> tuple[int, Any]:
    """One request to the operation's handler; what is wrong with its answer is noted."""
    operation, path = wish.operation, wish.path
    request = sealed(wish.request) if operation.path == CALLBACKS else dict(wish.request)
    event = http_event(operation.method, path, resource=operation.path, **request)
    event["path"] = path.partition("?")[0]
    try:
        answer = function(operation.function)(event, lambda_context())
        body = str(answer["body"]).encode()  # as the runtime sends it: UTF-8, or nothing at all
    except Exception as error:  # noqa: BLE001 - a handler that raises is what is looked for
        delta.count("raised", operation.label)
        delta.find(f"raised {error!r}", (operation.method, path, request))
        return 0, None
    headers = {name.lower(): values[-1] for name, values in answer["multiValueHeaders"].items()}
    status = int(answer["statusCode"])
    delta.count(status, operation.label)
    said = complaint(operation.method, operation.path, status, headers, body)
    for name, value in headers.items():
        if "\r" in value or "\n" in value:
            said = f"a line break in {name}"
    if said:
        shown = {name: value for name, value in request.items() if name != "token"}
        delta.find(said, (operation.method, path, body[:200], shown))
    is_json = "json" in headers.get("content-type", "")
    return status, json.loads(body) if is_json and body else None


Change: TypeAlias = Callable[[Wish, Words], Wish]
"""One thing about a request that ought to succeed, made hostile."""


def hostile_words(world: World, chance: random.Random, cases: int) -> Iterator[MetricDelta]:
    """Every value in every field, in every id and query, and bodies that are hardly JSON.

    Each operation is asked as it should be first, and must succeed: so what follows goes deep.
    """
    tried = [(each, change) for each in operations() for change in changes(each)]
    chance.shuffle(tried)
    of_each: dict[Operation, list[Change]] = {each: [_as_it_should_be] for each in operations()}
    for operation, change in tried[: max(cases - len(of_each), 0)]:
        of_each[operation].append(change)
    for operation, tried_on_it in of_each.items():
        yield attack(operation, tried_on_it, world)


def attack(operation: Operation, changes: Sequence[Change], world: World) -> MetricDelta:
    """Ask the operation for what it can give, each time with one change."""
    delta, ready = MetricDelta(f"{operation.label} hostile"), Ready(world, operation)
    for change in changes:
        status, told = send(change(ready.wish(), ready.words), delta)
        if change is _as_it_should_be and status not in operation.successes:
            delta.find(f"{status} to a request that ought to succeed", (operation.label, told))
        ready.answered(status)
    return delta


def _as_it_should_be(wish: Wish, _: Words) -> Wish:
    return wish


def changes(operation: Operation) -> Iterator[Change]:
    """Everything that is changed about a request to the operation, one by one."""
    for name in operation.names:
        yield from (_named(name, word) for word in (*WORDS, *PATHS))
    for name in operation.query:
        words = [f"?{name}={quote(word, safe='', errors='surrogatepass')}" for word in WORDS]
        odd = [f"?{name}=1&{name}=2&{name}[]=3", f"?{name}", f"?%00&&={name}"]
        yield from (_asking(query) for query in (*words, *odd))
    for header in HEADERS:
        yield from (_headed(header, word) for word in WORDS)
    yield from (_written(raw) for raw in BODIES)
    if operation.example is not None:
        yield from (_carrying(body) for body in _changed(operation.example))
        yield from (_written(raw) for raw in _respelt(operation.example))


def _named(name: str, word: str) -> Change:
    return lambda wish, _: wish.naming(name, word)


def _asking(query: str) -> Change:
    return lambda wish, _: replace(wish, query=query)


def _headed(header: str, word: str) -> Change:
    unless: dict[str, Any] = {"key": None} if header == "Idempotency-Key" else {}
    return lambda wish, _: wish.with_(headers={header: word}, **unless)


def _carrying(body: Any) -> Change:
    return lambda wish, words: wish.with_(body=in_place(body, words))


def _written(raw: str) -> Change:
    return lambda wish, words: wish.with_(raw_body=_in_text(raw, words))


def _in_text(raw: str, words: Words) -> str:
    for word, real in words.items():
        raw = raw.replace(json.dumps(word), json.dumps(real))
    return raw


def _respelt(example: Any) -> Iterator[str]:
    """The example as JSON that other writers, and attackers, spell otherwise."""
    text = json.dumps(example)
    yield f" {text}\r\n\t"
    yield text + text
    yield text + "\x00"
    yield text.replace("{", '{"": 0, ', 1)
    if isinstance(example, dict):
        for name, value in example.items():
            once, value_text = json.dumps(name), json.dumps(value)
            yield text[:-1] + f", {once}: {value_text}}}"  # twice, and the same
            yield text[:-1] + f", {once}: null}}"
            for number in NUMBERS:
                yield json.dumps({**example, name: MARK}).replace(json.dumps(MARK), number)


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


def forged_tokens(world: World) -> MetricDelta:
    """A token with each of its parts forged opens nothing; an admin's doors open to admins."""
    delta = MetricDelta("forged tokens")
    for operation in operations():
        security = document()["paths"][operation.path][operation.method.lower()]["security"]
        if security not in ([{"user": []}], [{"admin": []}]):
            continue
        honest = Ready(world, operation).wish()
        for name, token in forged(world.admin):
            status, _ = send(honest.with_(token=token), delta)
            if status != 401:
                delta.find(f"{status} with a forged {name}", operation.label)
        if security == [{"admin": []}]:
            status, _ = send(honest.with_(token=world.caller.token), delta)
            if status != 403:
                delta.find(f"{status} for a user", operation.label)
    return delta


def forged(admin: Person) -> Iterator[tuple[str, str]]:
    """Tokens of an admin's with one part forged each: what is wrong, and the token."""
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


def others_ids(world: World) -> MetricDelta:
    """What is another user's is told, changed and used on no path; what is not there is 404."""
    delta = MetricDelta("another user's ids")
    before = _of_the_other(world)
    for operation in operations():
        if operation.path.startswith("/admin"):
            continue
        names = [each for each in operation.names if each in world.others]
        bodies = _with_others_ids(operation.example, world)
        honest = Ready(world, operation).wish()
        theirs = replace(honest, ids={**honest.ids, **{each: world.others[each] for each in names}})
        for body in [honest.request["body"]] * bool(names) + bodies:
            status, told = send(theirs.with_(body=body), delta)
            if status < 400 and names + bodies:
                delta.find(f"{status}", (operation.method, theirs.path, body, told))
    for was, now in zip(before, _of_the_other(world), strict=True):
        if was != now:
            delta.find("something of the other's has changed", (was, now))
    return delta


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
    nobody = MetricDelta("the other's own")
    return [
        send(Wish(each, world.others, {"token": world.other.token}), nobody)[1]
        for each in operations()
        if each.method == "GET" and each.path in asked
    ]
