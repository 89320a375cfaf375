"""Keys that sign tokens: list, rotate without refusing anybody, remove."""

import argparse
import json
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from commerce.runtime.settings import SECRET_SECONDS
from commerce.runtime.tokens import MAX_LIFETIME
from infra.ops.acts import act
from infra.ops.command import DONE, Answer, add_command, add_group, confirm
from infra.ops.target import OpsError, Target, client
from infra.ops.terminal import people, progress_bar

OUTPUT = "TokenSecretArn"
SPREAD_SECONDS = SECRET_SECONDS + 60
"""As long as a function may go on with the keys that it has read, with a margin."""
STEP_SECONDS = 5


def add_to(commands: Any) -> None:
    """Add the commands `keys …`."""
    keys = add_group(commands, "keys", "the keys that sign access tokens")
    add_command(keys, "list", list_keys, show, "the ids of the keys, and which one signs")
    add_command(
        keys, "rotate", rotate, show_rotated, "sign with a new key; tokens of the old one go on"
    )
    removed = add_command(keys, "remove", remove, show, "accept a key no more")
    removed.add_argument("kid")
    removed.add_argument(
        "--now", action="store_true", help="though tokens that it signed may not have expired"
    )


def list_keys(target: Target, _options: argparse.Namespace) -> Answer:
    """List the ids of the keys."""
    return DONE, _answer(_read(_secret_of(target)))


def rotate(target: Target, options: argparse.Namespace) -> Answer:
    """Add a key, wait until every function knows it, and let it sign."""
    secret = _secret_of(target)
    minutes = SPREAD_SECONDS // 60
    confirm(f"Rotate the signing key of {target.stack}? It takes {minutes} minutes.", options)
    with (
        act(target, "keys rotate", target.stack),
        progress_bar("until every function knows it", SPREAD_SECONDS, options) as progress,
    ):
        before, kid = rotate_keys(secret, progress)
    return DONE, {**_answer(_read(secret)), "signed_before": before, "signs_now": kid}


def rotate_keys(
    secret: str, progress: Callable[[int], None], pause: Callable[[float], None] | None = None
) -> tuple[str, str]:
    """Rotate the keys in a secret; returns the id of the key that signed, and of the one that does.

    A key signs only when every function accepts it, so no token is refused meanwhile. A drill
    gives a `pause` of its own, in which no time passes.
    """
    keys, kid = _read(secret), f"k{int(time.time())}-{secrets.token_hex(2)}"
    before = keys["current"]
    _write(secret, {**keys, kid: secrets.token_hex(32)})
    for waited in range(0, SPREAD_SECONDS, STEP_SECONDS):
        progress(waited)
        (pause or time.sleep)(STEP_SECONDS)
    keys = _read(secret)
    if kid not in keys or keys["current"] != before:
        raise OpsError("Somebody else has changed the keys meanwhile: look, and begin again.")
    _write(secret, {**keys, "current": kid})
    return before, kid


def remove(target: Target, options: argparse.Namespace) -> Answer:
    """Remove a key that no longer signs; what it signed is refused from then on."""
    secret = _secret_of(target)
    keys = _read(secret)
    if options.kid not in keys or options.kid == "current":
        raise OpsError(f"There is no key {options.kid}. There are: {', '.join(_ids(keys))}")
    if keys["current"] == options.kid:
        raise OpsError(f"{options.kid} signs: rotate first.")
    changed = client("secretsmanager").describe_secret(SecretId=secret)["LastChangedDate"]
    good = changed.astimezone(UTC) + MAX_LIFETIME + timedelta(seconds=SPREAD_SECONDS)
    if datetime.now(UTC) < good and not options.now:
        raise OpsError(
            f"Tokens of {options.kid} may be good until {good:%Y-%m-%d %H:%M} UTC. Wait, or end"
            " them with --now: users' pages then renew their tokens, or sign in again."
        )
    confirm(f"Remove {options.kid} of {target.stack}? Nothing it signed works then.", options)
    with act(target, "keys remove", f"{target.stack} {options.kid}"):
        _write(secret, {name: key for name, key in keys.items() if name != options.kid})
    return DONE, _answer(_read(secret))


def show(answer: dict[str, Any]) -> None:
    """Print the ids of the keys."""
    people.print(f"{answer['current']} signs. Accepted: {', '.join(answer['keys'])}.")
    people.print(f"A change is known everywhere after {SPREAD_SECONDS // 60} minutes.")


def show_rotated(answer: dict[str, Any]) -> None:
    """Print what signs now, and what to do with the old key."""
    people.print(f"{answer['signs_now']} signs. Tokens of {answer['signed_before']} go on.")
    people.print(f"After a day: keys remove {answer['signed_before']} (a leaked key: --now).")


def _secret_of(target: Target) -> str:
    if OUTPUT not in target.outputs:
        raise OpsError(f"The stack {target.stack} names no {OUTPUT}: is --stack right?")
    return target.outputs[OUTPUT]


def _read(secret: str) -> dict[str, str]:
    found = client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
    keys: dict[str, str] = json.loads(found)
    return keys


def _write(secret: str, keys: dict[str, str]) -> None:
    client("secretsmanager").put_secret_value(SecretId=secret, SecretString=json.dumps(keys))


def _ids(keys: dict[str, str]) -> list[str]:
    return sorted(name for name in keys if name != "current")


def _answer(keys: dict[str, str]) -> dict[str, Any]:
    return {"current": keys["current"], "keys": _ids(keys)}
