"""Rotate each secret as docs/production.md says, under requests of several environments."""

import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID

from infra.drills.environments import Fleet, a_secret
from infra.drills.frame import Report, answered, environment
from infra.drills.load import orders_going_on
from infra.drills.partners import Partners, paid_by_card, partners
from infra.template import ROOT

LOOK_SECONDS = 60  # between two looks in a rotation of minutes
ROTATED = {
    "TokenSecret": "token_keys",
    "SignInSecret": "sign_in_keys",
    "GatewaySigningSecret": "gateway_secret",
    "DeliverySigningSecret": "delivery_secret",
    "DatabaseSecret": "database_password",
    "ValkeySecretArn": "valkey_password",
    "FingerprintSecret": "fingerprint_key",
}
"""The template's secrets, and the function here that rotates each."""


def prove(report: Report, count: int) -> None:
    """Rotate every secret under the requests of `count` environments."""
    with partners() as outside:
        for name in ROTATED.values():
            rotate: Callable[[Report, Fleet, Partners], None] = globals()[name]
            rotate(report, Fleet(count), outside)
    _kms_keys(report)


def token_keys(report: Report, fleet: Fleet, _outside: Partners) -> None:
    """Rotate the key that signs access tokens by the command that operators have."""
    from commerce.runtime import tokens
    from commerce.runtime.settings import SECRET_SECONDS
    from infra.ops.keys import rotate_keys
    from tests.support.lambda_calls import call

    def is_accepted(token: str) -> bool:
        return call("point/get_my_points", "GET", "/users/me/points", token=token).status == 200

    with (
        a_secret(current="k1", k1=secrets.token_hex(32)) as secret,
        environment(TOKEN_KEYS="", TOKEN_SECRET_ARN=secret.arn),
    ):
        user, refused, looks = UUID(int=secrets.randbits(120)), 0, 0
        old = [tokens.sign(user) for _ in fleet.each()]

        def look() -> list[str]:
            nonlocal refused, looks
            new = [tokens.sign(user) for _ in fleet.each()]
            for _ in fleet.each():
                refused += sum(not is_accepted(each) for each in (old[0], *new))
                looks += 1 + len(new)
            return new

        def pause(seconds: float) -> None:
            fleet.wait(seconds)
            if fleet.now % LOOK_SECONDS < seconds:
                look()

        before, now = rotate_keys(secret.arn, lambda _: None, pause)
        for _ in range(0, SECRET_SECONDS, LOOK_SECONDS):
            pause(LOOK_SECONDS)
        new = look()
        report.check(
            "Tokens while their key rotates",
            f"{looks} requests with tokens of both keys, {refused} refused; {now} signs after"
            f" {before}",
            holds=not refused and before in secret.value(),
            only_aws="the keys command's own rights; how long Secrets Manager answers with the old",
        )
        secret.put(**{kid: key for kid, key in secret.value().items() if kid != before})
        fleet.wait_for_all()
        old_accepted = sum(is_accepted(old[0]) for _ in fleet.each())
        new_refused = sum(not is_accepted(new[0]) for _ in fleet.each())
        report.check(
            "Tokens after the old key is removed",
            f"{old_accepted} environments accept the old key, {new_refused} refuse the new",
            holds=not old_accepted and not new_refused,
        )


def sign_in_keys(report: Report, fleet: Fleet, _outside: Partners) -> None:
    """Rotate the keys of refresh and device tokens, and of the digests that name counters."""
    from commerce.user.throttle import counters_of
    from tests.support.sessions import an_account, refresh

    def counters() -> list[str]:
        return [each.key for each in counters_of("kim", "192.0.2.1")]

    first, second = secrets.token_hex(32), secrets.token_hex(32)
    with (
        a_secret(current="k1", k1=first) as secret,
        environment(SIGN_IN_KEYS="", SIGN_IN_SECRET_ARN=secret.arn),
    ):
        with fleet.first():
            account, names = an_account(), counters()
            old, kept = (account.tokens()["refresh_token"] for _ in range(2))
        refused: list[Any] = []

        def renewed(token: str) -> str:
            answer = refresh(token)
            refused.extend([answer.json] if answer.status >= 400 else [])
            return str((answer.json or {}).get("refresh_token", token))

        secret.put(current="k1", k1=first, k2=second)
        for _ in fleet.each():
            old = renewed(old)
        fleet.wait_for_all()
        secret.put(current="k2", k1=first, k2=second)
        for _ in range(2):  # some sign with the new key, some with the old
            for _ in fleet.each():
                old = renewed(old)
            fleet.wait_for_all()
        with fleet.first():
            is_renamed = not set(names) & set(counters())
        report.check(
            "Sessions while the sign-in key rotates",
            f"{len(refused)} of the sessions' renewals were refused; counters of failed sign-ins"
            f" {'begin once more under new names' if is_renamed else 'go on'}",
            holds=not refused and is_renamed,
        )
        secret.put(current="k2", k2=second)
        fleet.wait_for_all()
        with fleet.first():
            is_old_refused = refresh(kept).status == 401
            is_new_accepted = refresh(old).status < 400
        report.check(
            "Sessions after the old sign-in key is removed",
            f"one that was not renewed since is {'refused' if is_old_refused else 'accepted'}, a"
            f" renewed one is {'accepted' if is_new_accepted else 'refused'}",
            holds=is_old_refused and is_new_accepted,
        )


def gateway_secret(report: Report, fleet: Fleet, outside: Partners) -> None:
    """Rotate what the gateway signs its callbacks with."""
    from commerce.payment.signature import CALLBACK_HEADERS
    from commerce.shared import clock
    from tests.support.payments import receive
    from tests.support.shop import a_buyer, a_product

    order_id = paid_by_card(a_product(1, 100), a_buyer())
    [known] = outside.gateway.transactions(order_id)
    fields = {"cardType": "KB", "cardNo": "****", "reason": None, **known}
    body = json.dumps(fields).encode()

    def answers(signed_with: str) -> list[int]:
        headers = CALLBACK_HEADERS.signed(body, signed_with, clock.now())
        return [receive(headers, body).status for _ in fleet.each()]

    old, new = secrets.token_hex(16), secrets.token_hex(16)
    with (
        a_secret(current=old) as secret,
        environment(GATEWAY_SECRET="", GATEWAY_SECRET_ARN=secret.arn),
    ):
        answers(old)  # every environment has read it
        secret.put(current=new, previous=old)
        fleet.wait(1)
        at_once = answers(new)
        in_overlap = answers(old)
        fleet.wait_for_all()
        in_overlap += answers(old) + answers(new)
        report.check(
            "Callbacks while the gateway's secret rotates",
            f"signed with old and new in the overlap: {_statuses(in_overlap)}; with the new before"
            f" the five minutes are over: {_statuses(at_once)}, so the gateway changes after them",
            holds=set(in_overlap) == {200} and 401 in at_once,
            only_aws="the gateway's own change",
        )
        secret.put(current=new)
        fleet.wait_for_all()
        after_old, after_new = answers(old), answers(new)
        report.check(
            "Callbacks after the old secret is removed",
            f"old: {_statuses(after_old)}; new: {_statuses(after_new)}",
            holds=set(after_old) == {401} and set(after_new) == {200},
        )


def delivery_secret(report: Report, fleet: Fleet, outside: Partners) -> None:
    """Rotate what notices to the delivery system are signed with."""
    from tests.support.orders import an_order
    from tests.support.shipping import consume, event_of
    from tests.support.shop import a_buyer, a_product

    buyer, product = a_buyer(points=100_000), a_product(1_000, 1)

    def a_notice() -> Any:
        return event_of(an_order(buyer, (product, 1)), "OrderConfirmed")

    def taken() -> list[bool]:
        return [consume(a_notice()) for _ in fleet.each()]

    old, new = secrets.token_hex(16), secrets.token_hex(16)
    with (
        a_secret(current=old) as secret,
        environment(DELIVERY_SECRET="", DELIVERY_SECRET_ARN=secret.arn),
    ):
        outside.delivery.system.secrets = [old]
        taken()
        outside.delivery.system.secrets = [new, old]
        secret.put(current=new)
        fleet.wait(1)
        in_overlap = taken()
        outside.delivery.system.secrets = [new]
        late = a_notice()
        was_late = [consume(late) for _ in fleet.each()]
        fleet.wait_for_all()
        after = [*taken(), *(consume(late) for _ in fleet.each())]
        outside.delivery.system.secrets = [outside.delivery.secret]
        report.check(
            "Notices while the delivery secret rotates",
            f"{in_overlap.count(False)} of {len(in_overlap)} refused while both are taken; of those"
            f" signed with the old one too late {was_late.count(False)} were refused, and"
            f" {after.count(False)} of {len(after)} after five minutes: they are sent again",
            holds=all(in_overlap) and not all(was_late) and all(after),
            only_aws="the delivery system's own change",
        )


def database_password(report: Report, fleet: Fleet, _outside: Partners) -> None:
    """Change the password of the functions' role while orders go on."""
    from commerce.runtime.db.connection import LoginRefused, connect
    from commerce.runtime.db.current import database
    from tests.support.lambda_calls import call
    from tests.support.shop import a_product

    def read() -> int:
        database().close()  # as an environment that starts
        return call("product/get_product", "GET", f"/products/{product}").status

    product = a_product(1_000_000, 1)
    with (
        _own_role() as (login, set_password),
        a_secret(url=login("old")) as secret,
        environment(DATABASE_URL="", DATABASE_SECRET_ARN=secret.arn),
        fleet.first(),
    ):
        database().close()
        try:
            with orders_going_on(product) as placed:
                _until(lambda: len(placed.orders) >= 3)
                set_password("new")
                between = read()
                secret.put(url=login("new"))
                after = read()
                enough = len(placed.orders) + 3
                _until(lambda: len(placed.orders) >= enough)
        finally:
            database().close()
        try:
            connect(login("old")).close()
            is_old_refused = False
        except LoginRefused:
            is_old_refused = True
    report.check(
        "Orders while the database password rotates",
        f"{placed}; a new session is answered {after} once the secret has the new password"
        f" ({between} between the role's change and the secret's), the old password is"
        f" {'refused' if is_old_refused else 'accepted'}",
        holds=not placed.failures and after == 200 and is_old_refused,
        only_aws="RDS' weekly rotation, and the proxy that holds sessions with both passwords",
    )


@contextmanager
def _own_role() -> Iterator[tuple[Callable[[str], str], Callable[[str], None]]]:
    """Provide a role of the drill's own; yields its URL for a password and what sets it."""
    from tests.support.backends import run

    role, noise = f"drill_{secrets.token_hex(4)}", secrets.token_hex(8)
    name = os.environ["DATABASE_URL"].rpartition("/")[2]
    superuser = f"{os.environ['SUPERUSER_URL'].rpartition('/')[0]}/{name}"
    place = urlsplit(superuser)

    def login(password: str) -> str:
        netloc = f"{role}:{quote(password + noise)}@{place.hostname}:{place.port}"
        return place._replace(netloc=netloc).geturl()

    def set_password(password: str) -> None:
        run(superuser, f"ALTER ROLE {role} PASSWORD '{password}{noise}'")

    run(superuser, f"CREATE ROLE {role} LOGIN IN ROLE lastunit")
    try:
        set_password("old")
        yield login, set_password
    finally:
        run(superuser, f"DROP ROLE {role}")


def valkey_password(report: Report, fleet: Fleet, _outside: Partners) -> None:
    """Change the password of the functions' login to the cache, which has two for a while."""
    from commerce.runtime.cache.valkey import valkey
    from tests.support.lambda_calls import call
    from tests.support.shop import a_product
    from tests.support.valkey import forget_valkey

    product = a_product(3, 1)
    seen: dict[str, list[tuple[int, bool]]] = {}

    def look(when: str) -> None:
        for _ in fleet.each():
            forget_valkey()  # as an environment that connects
            status = call("product/get_product", "GET", f"/products/{product}").status
            is_served = valkey().run(lambda client: client.ping()) is not None
            seen.setdefault(when, []).append((status, is_served))

    with _own_login() as (user, allow):
        allow(">old")
        with (
            a_secret(username=user, password="old") as secret,  # noqa: S106  (of the drill alone)
            environment(VALKEY_SECRET_ARN=secret.arn),
        ):
            look("before")
            allow(">new")
            secret.put(username=user, password="new")  # noqa: S106
            fleet.wait(1)
            look("overlap")
            allow("<old")
            look("too early")
            fleet.wait_for_all()
            look("after")
        forget_valkey()
    fine = [each for when in ("before", "overlap", "after") for each in seen[when]]
    report.check(
        "Reads while Valkey's password rotates",
        f"{len(fine)} environments connected with old or new, {fine.count((200, True))} were served"
        " by the cache",
        holds=set(fine) == {(200, True)},
        only_aws="ElastiCache takes some seconds for a changed user",
    )
    early = seen["too early"]
    report.check(
        "Reads where the old password is removed before five minutes",
        f"{[each for each, _ in early].count(200)} of {len(early)} were answered, by the database"
        f" where the cache refused ({[each for _, each in early].count(False)})",
        holds={each for each, _ in early} == {200} and False in {each for _, each in early},
    )


@contextmanager
def _own_login() -> Iterator[tuple[str, Callable[[str], None]]]:
    """Provide a login of the drill's own at the cache; yields its name and what changes it."""
    from commerce.runtime.cache.valkey import connect

    user = f"drill-{secrets.token_hex(4)}"
    with connect(os.environ["VALKEY_URL"], 5) as server:

        def allow(rule: str) -> None:
            server.execute_command("ACL", "SETUSER", user, "on", rule, "~*", "&*", "+@all")

        try:
            yield user, allow
        finally:
            server.execute_command("ACL", "DELUSER", user)


def fingerprint_key(report: Report, fleet: Fleet, outside: Partners) -> None:
    """Show why this key is not rotated: what is remembered by it is not recognised any more."""
    from commerce.app.identities import person_of
    from tests.support.payments import pay, place_by_card
    from tests.support.shop import a_buyer, a_key, a_product

    buyer, key, old = a_buyer(), a_key(), secrets.token_hex(32)
    placed = answered(place_by_card(buyer, (a_product(1, 100), 1)), 201)
    order_id = str(placed["order_id"])
    with (
        a_secret(key=old) as secret,
        environment(FINGERPRINT_KEY="", FINGERPRINT_SECRET_ARN=secret.arn),
    ):
        with fleet.first():
            paid = answered(pay(buyer, order_id, key=key), 201)
            person = person_of(buyer.user_id, "kim@example.com")
        secret.put(key=secrets.token_hex(32))
        fleet.wait_for_all()
        with fleet.first():
            retried = pay(buyer, order_id, key=key)
            is_stranger = person_of(buyer.user_id, "kim@example.com") != person
        secret.put(key=old)
        fleet.wait_for_all()
        with fleet.first():
            again = pay(buyer, order_id, key=key)
    charges = len(outside.gateway.transactions(order_id))
    report.check(
        "The fingerprint key has no overlap",
        f"with another key a retry of a payment is refused ({retried.status}"
        f" {retried.json.get('code')}) for as long as its Idempotency-Key is kept, and one person"
        f" {'counts as two' if is_stranger else 'is known'} in a drop that runs; charged {charges}"
        f" time; with the key of before the retry is answered {again.status}",
        holds=retried.status in (409, 422)
        and is_stranger
        and charges == 1
        and again.json["payment_id"] == paid["payment_id"],
    )


def _kms_keys(report: Report) -> None:
    text = (ROOT / "infra" / "production" / "keys.yaml").read_text(encoding="utf-8")
    keys, rotating = text.count("AWS::KMS::Key\n"), text.count("EnableKeyRotation: true")
    report.check(
        "KMS keys rotate by themselves",
        f"{rotating} of {keys} keys of infra/production/keys.yaml are set to",
        holds=keys == rotating > 0,
        only_aws="all of it: no emulator here has KMS",
    )


def _statuses(answers: list[int]) -> str:
    return ", ".join(f"{answers.count(each)} × {each}" for each in sorted(set(answers)))


def _until(is_so: Callable[[], bool]) -> None:
    from tests.support.other_connection import wait_until

    wait_until(is_so)
