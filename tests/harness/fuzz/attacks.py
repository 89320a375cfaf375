"""Hand-made hostile requests: forged tokens, others' ids, hostile values and sizes."""

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
from tests.harness.fuzz.conformance import AttackResult, document, problem_with
from tests.harness.fuzz.hostile_values import BODIES, HEADERS, MARK, NUMBERS, PATHS, VALUES, WORDS
from tests.harness.fuzz.valid_requests import (
    Attempt,
    Operation,
    Ready,
    Words,
    operations,
    substitute,
    with_signature,
)
from tests.harness.fuzz.world import World
from tests.support.lambda_calls import function, http_event, lambda_context
from tests.support.payments import CALLBACKS
from tests.support.shop import Person, an_address


def send(attempt: Attempt, result: AttackResult) -> tuple[int, Any]:
    """Send one request to the operation's handler and record what is wrong with its answer."""
    operation, path = attempt.operation, attempt.path
    request = (
        with_signature(attempt.request) if operation.path == CALLBACKS else dict(attempt.request)
    )
    # Each from an address of its own: an attack is on one request, not on the limits of many.
    request |= {"source_ip": an_address()}
    event = http_event(operation.method, path, resource=operation.path, **request)
    event["path"] = path.partition("?")[0]
    try:
        answer = function(operation.function)(event, lambda_context())
        body = str(answer["body"]).encode()  # as the runtime sends it: UTF-8, or nothing
    except Exception as error:  # noqa: BLE001 - a handler that raises is what is looked for
        result.count("raised", operation.label)
        result.find(f"raised {error!r}", (operation.method, path, request))
        return 0, None
    headers = {name.lower(): values[-1] for name, values in answer["multiValueHeaders"].items()}
    status = int(answer["statusCode"])
    result.count(status, operation.label)
    said = problem_with(operation.method, operation.path, status, headers, body)
    for name, value in headers.items():
        if "\r" in value or "\n" in value:
            said = f"a line break in {name}"
    if said:
        shown = {name: value for name, value in request.items() if name != "token"}
        result.find(said, (operation.method, path, body[:200], shown))
    is_json = "json" in headers.get("content-type", "")
    return status, json.loads(body) if is_json and body else None


Change: TypeAlias = Callable[[Attempt, Words], Attempt]
"""A hostile change to a request that would succeed."""


def hostile_words(world: World, chance: random.Random, cases: int) -> Iterator[AttackResult]:
    """Try every value in every field, id and query, and malformed bodies.

    Each operation first gets a valid request, which must succeed, so that the attacks go deep.
    """
    tried = [(each, change) for each in operations() for change in changes(each)]
    chance.shuffle(tried)
    of_each: dict[Operation, list[Change]] = {each: [_unchanged] for each in operations()}
    for operation, change in tried[: max(cases - len(of_each), 0)]:
        of_each[operation].append(change)
    for operation, tried_on_it in of_each.items():
        yield attack(operation, tried_on_it, world)


def attack(operation: Operation, changes: Sequence[Change], world: World) -> AttackResult:
    """Send valid requests to the operation, each with one change."""
    result, ready = AttackResult(f"{operation.label} hostile"), Ready(world, operation)
    for change in changes:
        status, answer = send(change(ready.attempt(), ready.words), result)
        if change is _unchanged and status not in operation.successes:
            result.find(f"{status} to a request that ought to succeed", (operation.label, answer))
        ready.answered(status)
    return result


def _unchanged(attempt: Attempt, _: Words) -> Attempt:
    return attempt


def changes(operation: Operation) -> Iterator[Change]:
    """Yield every change to a valid request of the operation."""
    for name in operation.names:
        yield from (_with_id(name, word) for word in (*WORDS, *PATHS))
    for name in operation.query:
        words = [f"?{name}={quote(word, safe='', errors='surrogatepass')}" for word in WORDS]
        odd = [f"?{name}=1&{name}=2&{name}[]=3", f"?{name}", f"?%00&&={name}"]
        yield from (_with_query(query) for query in (*words, *odd))
    for header in HEADERS:
        yield from (_with_header(header, word) for word in WORDS)
    yield from (_with_raw_body(raw) for raw in BODIES)
    if operation.example is not None:
        yield from (_with_body(body) for body in _changed(operation.example))
        yield from (_with_raw_body(raw) for raw in _respelt(operation.example))


def _with_id(name: str, word: str) -> Change:
    return lambda attempt, _: attempt.naming(name, word)


def _with_query(query: str) -> Change:
    return lambda attempt, _: replace(attempt, query=query)


def _with_header(header: str, word: str) -> Change:
    unless: dict[str, Any] = {"key": None} if header == "Idempotency-Key" else {}
    return lambda attempt, _: attempt.with_(headers={header: word}, **unless)


def _with_body(body: Any) -> Change:
    return lambda attempt, words: attempt.with_(body=substitute(body, words))


def _with_raw_body(raw: str) -> Change:
    return lambda attempt, words: attempt.with_(raw_body=_in_text(raw, words))


def _in_text(raw: str, words: Words) -> str:
    for word, real in words.items():
        raw = raw.replace(json.dumps(word), json.dumps(real))
    return raw


def _respelt(example: Any) -> Iterator[str]:
    """Yield the example in unusual JSON spellings."""
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
    """Yield the example with each value at each place, and with unknown fields."""
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


def forged_tokens(world: World) -> AttackResult:
    """Try forged tokens and keys: 401 everywhere, and 403 for users on staff's paths."""
    result = AttackResult("forged tokens")
    for operation in operations():
        security = document()["paths"][operation.path][operation.method.lower()]["security"]
        if not any(each.keys() & {"staff", "user"} for each in security):
            continue
        valid = Ready(world, operation).attempt()
        for name, token in forged(world.admin):
            status, _ = send(valid.with_(token=token), result)
            if status != 401:
                result.find(f"{status} with a forged {name}", operation.label)
        if "staff" in security[0]:
            status, _ = send(valid.with_(token=world.caller.token), result)
            if status != 403:
                result.find(f"{status} for a user", operation.label)
            _try_forged_keys(valid, result)
    return result


def _try_forged_keys(valid: Attempt, result: AttackResult) -> None:
    for key in _FORGED_KEYS:
        status, _ = send(valid.with_(token=None, headers={"X-Api-Key": key}), result)
        if status != 401:
            result.find(f"{status} with a forged API key", valid.operation.label)


def forged(admin: Person) -> Iterator[tuple[str, str]]:
    """Yield an admin's tokens with one part forged each: what is wrong, and the token."""
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


_FORGED_KEYS = (
    "", "lastunit_key_", "lastunit_key_" + "0" * 64, "LASTUNIT_KEY_" + "0" * 64, "' OR 1=1 --",
    "lastunit_key_" + "0" * 64 + "\n", "é", "a" * 9000, "\x00", "%", "lastunit_key_%",
)  # fmt: skip

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
    keys = tokens.KEYRING._keys()
    kid = keys["current"]
    head = _part({"alg": "HS256", "typ": "JWT", "kid": kid})
    text = f"{head}.{_part(claims)}"
    mac = hmac.new(keys[kid].encode(), text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def _part(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def others_ids(world: World) -> AttackResult:
    """Try another user's ids in every path and body: nothing may be shown or changed."""
    result = AttackResult("another user's ids")
    before = _of_the_other(world)
    for operation in operations():
        if operation.path.startswith("/admin"):
            continue
        names = [each for each in operation.names if each in world.others]
        bodies = _with_others_ids(operation.example, world)
        valid = Ready(world, operation).attempt()
        theirs = replace(valid, ids={**valid.ids, **{each: world.others[each] for each in names}})
        for body in [valid.request["body"]] * bool(names) + bodies:
            status, answer = send(theirs.with_(body=body), result)
            if status < 400 and names + bodies:
                result.find(f"{status}", (operation.method, theirs.path, body, answer))
    for was, now in zip(before, _of_the_other(world), strict=True):
        if was != now:
            result.find("something of the other's has changed", (was, now))
    return result


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
    ignored = AttackResult("the other's own")
    return [
        send(Attempt(each, world.others, {"token": world.other.token}), ignored)[1]
        for each in operations()
        if each.method == "GET" and each.path in asked
    ]
