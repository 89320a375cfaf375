"""Device tokens: which devices are known, and what their tokens are not good for."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest

from commerce.runtime import tokens
from commerce.runtime.tokens import InvalidToken
from commerce.shared import clock
from commerce.user import devices
from commerce.user.devices import Device

KEY, ACCESS_KEY = "d" * 40, "k" * 40
DEVICE = Device(
    UUID("0190a000-0000-7000-8000-000000000002"), UUID("0190a000-0000-7000-8000-000000000001")
)


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGN_IN_KEYS", json.dumps({"current": "k", "k": KEY}))
    monkeypatch.setenv("TOKEN_KEYS", json.dumps({"current": "k", "k": ACCESS_KEY}))


def token(key: str = KEY, **changes: Any) -> str:
    now = clock.now()
    good = {
        "iss": "lastunit",
        "aud": devices.AUDIENCE,
        "sub": str(DEVICE.user_id),
        "device": str(DEVICE.id),
        "iat": now,
        "exp": now + devices.LIFETIME,
    }
    claims = {name: value for name, value in (good | changes).items() if value is not None}
    return jwt.encode(claims, key, algorithm="HS256", headers={"kid": "k"})


def test_a_device_is_known_by_its_token_for_half_a_year() -> None:
    assert devices.read(devices.token_of(DEVICE)) == DEVICE
    told = jwt.decode(devices.token_of(DEVICE), options={"verify_signature": False})
    assert told["exp"] - told["iat"] == timedelta(days=180).total_seconds()


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(lambda: token(key=ACCESS_KEY), id="signed by the access tokens' key"),
        pytest.param(lambda: token(aud="lastunit-api"), id="for the API"),
        pytest.param(lambda: token(exp=clock.now() - timedelta(minutes=1)), id="expired"),
        pytest.param(lambda: token(exp=clock.now() + timedelta(days=365)), id="for too long"),
        pytest.param(lambda: token(device=None), id="of no device"),
        pytest.param(lambda: token(device=7), id="of a device that is no id"),
        pytest.param(lambda: token(sub="coyote"), id="of what is no user"),
        pytest.param(lambda: devices.token_of(DEVICE)[:-2], id="cut off"),
        pytest.param(lambda: tokens.sign(DEVICE.user_id), id="an access token"),
        pytest.param(lambda: "a.b.c", id="no token at all"),
        pytest.param(lambda: "", id="empty"),
        pytest.param(lambda: None, id="none"),
    ],
)
def test_anything_else_counts_as_no_token(shown: Any) -> None:
    assert devices.read(shown()) is None


def test_a_device_token_is_no_access_token() -> None:
    for each in (devices.token_of(DEVICE), token(aud="lastunit-api", scope="", jti="1")):
        with pytest.raises(InvalidToken):
            tokens.verify(each)


def test_a_digest_depends_on_purpose_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    digest = devices.KEYRING.digest("log", "coyote")
    assert digest == devices.KEYRING.digest("log", "coyote")
    assert len({digest, devices.KEYRING.digest("network", "coyote")}) == 2
    monkeypatch.setenv("SIGN_IN_KEYS", json.dumps({"current": "n", "n": "y" * 40, "k": KEY}))
    assert devices.KEYRING.digest("log", "coyote") != digest
