"""`make ops ARGS="keys …"`: a rotation refuses no token, whichever function has read which keys."""

import json
import os
import secrets
from datetime import timedelta
from typing import Any

import boto3
import jwt
import pytest

from commerce.runtime.keyring import Forged, Keyring
from commerce.runtime.settings import SECRET_SECONDS
from infra.ops import keys
from infra.ops.__main__ import main
from infra.ops.target import Target

pytestmark = pytest.mark.usefixtures("shop_environment")

LIFETIME = timedelta(days=1)


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    """A secret with one key, which the stack names."""
    made: str = _manager().create_secret(
        Name=f"keys-{secrets.token_hex(4)}",
        SecretString=json.dumps({"current": "k1", "k1": secrets.token_hex(32)}),
    )["ARN"]
    monkeypatch.setattr(Target, "outputs", {keys.OUTPUT: made})
    return made


def _manager() -> Any:
    return boto3.client("secretsmanager", endpoint_url=os.environ["AWS_ENDPOINT_URL"])


def kept(secret: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(_manager().get_secret_value(SecretId=secret)["SecretString"])
    return found


class Clock:
    """A clock that only pauses move."""

    def __init__(self) -> None:
        self.seconds = 0.0


class Function(Keyring):
    """An execution environment that read the keys at its own time, and never reads out of turn."""

    def __init__(self, secret: str, clock: Clock, first_read: float) -> None:
        super().__init__("TOKEN")
        self._secret, self._clock = secret, clock
        self._read_at = first_read - SECRET_SECONDS
        self._found = kept(secret)

    def _keys(self, *, fresh: bool = False) -> dict[str, str]:
        if self._clock.seconds - self._read_at >= SECRET_SECONDS:
            self._found, self._read_at = kept(self._secret), self._clock.seconds
        return self._found

    def sign_one(self) -> str:
        return self.sign({"sub": "s"}, audience="a", lifetime=LIFETIME)

    def accepts(self, token: str) -> bool:
        try:
            self.verify(token, audience="a", max_lifetime=LIFETIME)
        except Forged:
            return False
        return True


def test_no_function_refuses_a_token_while_keys_rotate(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    functions = [Function(secret, clock, offset) for offset in (0, 7, 100, 211, 250, 299)]
    tokens = [each.sign_one() for each in functions]
    refused: list[float] = []

    def look() -> None:
        signed = [each.sign_one() for each in functions]
        for token in (*tokens, *signed):
            refused.extend(clock.seconds for each in functions if not each.accepts(token))

    def pause(seconds: float) -> None:
        clock.seconds += seconds
        look()

    monkeypatch.setattr("infra.ops.keys.time.sleep", pause)
    code = main(["keys", "rotate", "--yes", "--json"])
    assert code == 0
    for _ in range(0, 2 * SECRET_SECONDS, 10):
        pause(10)
    assert refused == []
    current = kept(secret)["current"]
    assert current != "k1"
    assert {key_of(each.sign_one()) for each in functions} == {current}


def key_of(token: str) -> str:
    found: str = jwt.get_unverified_header(token)["kid"]
    return found


def test_a_key_that_signs_at_once_would_be_refused(secret: str) -> None:
    clock = Clock()
    first, second = Function(secret, clock, 0), Function(secret, clock, 500)
    assert first.accepts(second.sign_one())
    keys._write(secret, {**kept(secret), "current": "k2", "k2": "x" * 64})
    clock.seconds = 300
    assert not second.accepts(first.sign_one())  # what the rotation waits for


def test_a_rotation_that_another_operator_overtakes_changes_nothing_more(
    secret: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    others = {"current": "k9", "k9": "x" * 64}
    monkeypatch.setattr("infra.ops.keys.time.sleep", lambda _: keys._write(secret, others))
    assert main(["keys", "rotate", "--yes", "--json"]) == 2
    assert "Somebody else" in json.loads(capsys.readouterr().out)["error"]
    assert kept(secret) == others


def test_a_key_is_removed_once_its_tokens_have_expired_or_at_once_by_demand(
    secret: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("infra.ops.keys.time.sleep", lambda _: None)
    assert main(["keys", "remove", "k1", "--yes"]) == 2
    assert "k1 signs: rotate first." in capsys.readouterr().err
    main(["keys", "rotate", "--yes", "--json"])
    assert main(["keys", "remove", "k1", "--yes"]) == 2
    assert "may be good until" in capsys.readouterr().err
    assert "k1" in kept(secret)
    assert main(["keys", "remove", "k1", "--now", "--yes"]) == 0
    assert "k1" not in kept(secret)
    assert main(["keys", "remove", "nothing", "--yes"]) == 2
    assert main(["keys", "list"]) == 0
    assert "signs. Accepted:" in capsys.readouterr().out
