"""Access tokens: whose we accept, and whose we do not."""

import base64
import json
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest

from commerce.runtime import keyring, settings, tokens
from commerce.runtime.tokens import Identity, InvalidToken, NotSignedIn, TokenExpired
from commerce.shared import clock
from commerce.shared.errors import Kind

KEY, OLD_KEY, FOREIGN_KEY = "k" * 40, "o" * 40, "f" * 40
KEYS = {"current": "2026-02", "2026-02": KEY, "2026-01": OLD_KEY}
USER_ID = UUID("0190a000-0000-7000-8000-000000000001")
SESSION_ID = UUID("0190a000-0000-7000-8000-000000000002")


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_KEYS", json.dumps(KEYS))
    for name in ("TOKEN_ISSUER", "TOKEN_AUDIENCE", "TOKEN_LIFETIME_SECONDS"):
        monkeypatch.delenv(name, raising=False)


def claims(**changes: Any) -> dict[str, Any]:
    now = clock.now()
    good = {
        "iss": "lastunit",
        "aud": "lastunit-api",
        "sub": str(USER_ID),
        "scope": "",
        "iat": now,
        "exp": now + timedelta(minutes=15),
        "jti": str(uuid4()),
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def token(kid: str | None = "2026-02", key: str = KEY, **changes: Any) -> str:
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(claims(**changes), key, algorithm="HS256", headers=headers)


def without(name: str) -> str:
    changes: dict[str, Any] = {name: None}
    return token(**changes)


def b64(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def test_a_signed_token_verifies() -> None:
    assert tokens.verify(tokens.sign(USER_ID)) == Identity(USER_ID, frozenset())
    admin = tokens.verify(tokens.sign(USER_ID, frozenset({"admin"})))
    assert admin == Identity(USER_ID, frozenset({"admin"}))


def test_a_token_has_the_claims_of_the_contract() -> None:
    signed = tokens.sign(USER_ID, frozenset({"admin"}))
    assert jwt.get_unverified_header(signed) == {"alg": "HS256", "kid": "2026-02", "typ": "JWT"}
    told = jwt.decode(signed, KEY, algorithms=["HS256"], audience="lastunit-api")
    assert set(told) == {"iss", "aud", "sub", "scope", "iat", "exp", "jti"}
    assert (told["iss"], told["sub"], told["scope"]) == ("lastunit", str(USER_ID), "admin")
    assert told["exp"] - told["iat"] == 900


def test_a_token_names_its_session_and_the_users_epoch() -> None:
    signed = tokens.sign(USER_ID, session_id=SESSION_ID, epoch=3)
    assert tokens.verify(signed) == Identity(USER_ID, frozenset(), SESSION_ID, 3)
    told = jwt.decode(signed, options={"verify_signature": False})
    assert (told["session"], told["epoch"]) == (str(SESSION_ID), 3)


def test_the_lifetime_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_LIFETIME_SECONDS", "60")
    told = jwt.decode(tokens.sign(USER_ID), options={"verify_signature": False})
    assert told["exp"] - told["iat"] == 60


def test_each_token_has_its_own_id() -> None:
    assert tokens.sign(USER_ID) != tokens.sign(USER_ID)


def test_a_token_is_valid_for_a_day_at_most() -> None:
    now = clock.now()
    a_day = tokens.MAX_LIFETIME
    assert tokens.verify(token(iat=now, exp=now + a_day)).user_id == USER_ID


def test_a_retiring_key_still_verifies() -> None:
    assert tokens.verify(token(kid="2026-01", key=OLD_KEY)).user_id == USER_ID


def test_an_expired_token_is_refused_as_expired() -> None:
    with pytest.raises(TokenExpired) as refused:
        tokens.verify(token(exp=clock.now() - timedelta(seconds=keyring.LEEWAY_SECONDS + 1)))
    assert (refused.value.kind, refused.value.code) == (Kind.UNAUTHENTICATED, "TOKEN_EXPIRED")


def test_clocks_may_differ_a_little() -> None:
    assert keyring.LEEWAY_SECONDS <= 5
    assert tokens.verify(token(exp=clock.now())).user_id == USER_ID


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(lambda: token(key=FOREIGN_KEY), id="signed by another key"),
        pytest.param(lambda: token(kid="2026-01"), id="signed by another of our keys"),
        pytest.param(lambda: token(kid=None), id="no kid"),
        pytest.param(lambda: token(kid="2099-01"), id="unknown kid"),
        pytest.param(lambda: token(aud="another-api"), id="for another audience"),
        pytest.param(lambda: token(iss="somebody"), id="from another issuer"),
        pytest.param(lambda: token(iat=clock.now() + timedelta(hours=1)), id="from the future"),
        pytest.param(lambda: token(exp=clock.now() + timedelta(days=3650)), id="for ten years"),
        pytest.param(
            lambda: token(
                iat=clock.now() - timedelta(seconds=1),
                exp=clock.now() + tokens.MAX_LIFETIME,
            ),
            id="for a second more than a day",
        ),
        pytest.param(lambda: token(iat="0", exp="9999999999"), id="with times as text"),
        pytest.param(lambda: token(sub="42"), id="for what is no user"),
        pytest.param(lambda: token(session="7"), id="of what is no session"),
        pytest.param(lambda: token(session=7, epoch=0), id="of a session that is a number"),
        pytest.param(lambda: token(session=str(USER_ID)), id="of a session without an epoch"),
        pytest.param(
            lambda: token(session=str(USER_ID), epoch=[]), id="with an epoch that is none"
        ),
        pytest.param(lambda: token(scope=7), id="with a scope that is no text"),
        *(
            pytest.param(partial(without, name), id=f"without {name}")
            for name in ("iss", "aud", "sub", "scope", "iat", "exp", "jti")
        ),
        pytest.param(lambda: token() + "x", id="with a changed signature"),
        pytest.param(lambda: token().rsplit(".", 1)[0] + ".", id="with its signature cut off"),
        pytest.param(lambda: "", id="empty"),
        pytest.param(lambda: "a.b.c", id="no token at all"),
        pytest.param(lambda: "ä.ö.ü", id="not even ASCII"),
        pytest.param(lambda: b64({"kid": ["2026-02"], "alg": "HS256"}) + ".e30.x", id="kid a list"),
    ],
)
def test_a_forged_token_is_refused(forged: Any) -> None:
    with pytest.raises(InvalidToken) as refused:
        tokens.verify(forged())
    assert (refused.value.kind, refused.value.code) == (Kind.UNAUTHENTICATED, "INVALID_TOKEN")


@pytest.mark.parametrize("algorithm", ["none", "None", "HS512"])
def test_a_tokens_own_algorithm_is_ignored(algorithm: str) -> None:
    if algorithm == "HS512":
        forged = jwt.encode(claims(), KEY * 2, algorithm="HS512", headers={"kid": "2026-02"})
    else:
        told = claims() | {"iat": 1, "exp": 9_999_999_999}
        forged = f"{b64({'alg': algorithm, 'typ': 'JWT', 'kid': '2026-02'})}.{b64(told)}."
    with pytest.raises(InvalidToken):
        tokens.verify(forged)


@pytest.mark.filterwarnings("ignore:The HMAC key")
def test_the_name_of_the_current_key_is_not_a_key() -> None:
    with pytest.raises(InvalidToken):
        tokens.verify(token(kid="current", key=KEYS["current"]))


class Vault:
    """Stands where Secrets Manager does, and counts who asks it afresh."""

    def __init__(self) -> None:
        self.kept = dict(KEYS)
        self.now = dict(KEYS)
        self.fresh_reads = 0

    def secret(self, arn: str, *, fresh: bool = False) -> dict[str, str]:
        assert arn == "arn:of:the:secret"
        if fresh:
            self.fresh_reads += 1
            self.kept = dict(self.now)
        return self.kept


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Vault:
    found = Vault()
    monkeypatch.delenv("TOKEN_KEYS")
    monkeypatch.setenv("TOKEN_SECRET_ARN", "arn:of:the:secret")
    monkeypatch.setattr(settings, "secret", found.secret)
    monkeypatch.setattr(tokens.KEYRING, "_refreshed_at", -float(keyring.REFRESH_SECONDS))
    return found


def test_a_key_added_a_moment_ago_is_found(vault: Vault) -> None:
    vault.now |= {"2026-03": FOREIGN_KEY}
    assert tokens.verify(token(kid="2026-03", key=FOREIGN_KEY)).user_id == USER_ID
    assert tokens.verify(token(kid="2026-03", key=FOREIGN_KEY)).user_id == USER_ID
    assert vault.fresh_reads == 1


def test_forged_key_ids_do_not_reload_the_secret_each_time(vault: Vault) -> None:
    for number in range(50):
        with pytest.raises(InvalidToken):
            tokens.verify(token(kid=f"forged-{number}"))
    assert vault.fresh_reads == 1


def test_an_unknown_key_id_is_looked_up_again_after_a_while(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidToken):
        tokens.verify(token(kid="2026-03", key=FOREIGN_KEY))
    vault.now |= {"2026-03": FOREIGN_KEY}
    refreshed_at = tokens.KEYRING._refreshed_at - keyring.REFRESH_SECONDS
    monkeypatch.setattr(tokens.KEYRING, "_refreshed_at", refreshed_at)
    assert tokens.verify(token(kid="2026-03", key=FOREIGN_KEY)).user_id == USER_ID


def test_a_known_key_id_needs_no_lookup(vault: Vault) -> None:
    assert tokens.verify(tokens.sign(USER_ID)).user_id == USER_ID
    assert vault.fresh_reads == 0


@pytest.mark.parametrize("header", ["Bearer abc", "bearer abc", "BEARER  abc ", " Bearer abc"])
def test_the_token_is_taken_from_the_header(header: str) -> None:
    assert tokens.bearer(header) == "abc"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "abc"])
def test_without_a_bearer_token_no_user_is_signed_in(header: str | None) -> None:
    with pytest.raises(NotSignedIn) as refused:
        tokens.bearer(header)
    assert (refused.value.kind, refused.value.code) == (Kind.UNAUTHENTICATED, "NOT_SIGNED_IN")


def test_the_history_distinguishes_staff_at_work_from_users() -> None:
    assert Identity(USER_ID).by == f"user:{USER_ID}"
    assert Identity(USER_ID, frozenset({"admin"})).by == f"user:{USER_ID}"
    assert Identity(USER_ID, frozenset({"admin"}), is_staff=True).by == f"admin:{USER_ID}"
