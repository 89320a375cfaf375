"""Settings read from the environment."""

from collections.abc import Callable
from urllib.parse import unquote, urlsplit

import pytest

from commerce.app.checkout.gateway import payment_gateway
from commerce.app.fulfilment import notice_sender
from commerce.entrypoints.payments import callback_url
from commerce.runtime import settings

RDS = {"username": "owner", "password": "p/@:#%? ", "host": "db.example", "dbname": "lastunit"}


def test_a_setting_is_read_when_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SETTING", "one")
    assert settings.text("A_SETTING") == "one"
    monkeypatch.setenv("A_SETTING", "two")
    assert settings.text("A_SETTING", "default") == "two"


@pytest.mark.parametrize("value", [None, ""])
def test_an_absent_setting_is_its_default_or_an_error(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("A_SETTING", raising=False)
    if value is not None:
        monkeypatch.setenv("A_SETTING", value)
    assert settings.text("A_SETTING", "default") == "default"
    assert settings.text("A_SETTING", "") == ""
    assert settings.number("A_SETTING", 7) == 7
    with pytest.raises(settings.Missing, match="A_SETTING"):
        settings.text("A_SETTING")


def test_a_number_setting_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SETTING", "0")
    assert settings.number("A_SETTING", 7) == 0
    monkeypatch.setenv("A_SETTING", "many")
    with pytest.raises(ValueError, match="many"):
        settings.number("A_SETTING", 7)


@pytest.mark.parametrize(
    "url", ["http://gateway.example", "HTTP://10.0.0.1:80/x", "gateway.example", "ftp://a", ""]
)
def test_production_refuses_an_outside_address_without_tls(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(settings.Unencrypted):
        settings.outside(url)
    assert settings.outside("https://gateway.example/a") == "https://gateway.example/a"


@pytest.mark.parametrize("environment", ["development", "", None])
def test_elsewhere_an_outside_address_may_be_plain(
    monkeypatch: pytest.MonkeyPatch, environment: str | None
) -> None:
    monkeypatch.delenv("ENVIRONMENT", raising=False)
    if environment is not None:
        monkeypatch.setenv("ENVIRONMENT", environment)
    assert settings.outside("http://127.0.0.1:18082") == "http://127.0.0.1:18082"


@pytest.mark.parametrize(
    ("variable", "use"),
    [
        ("GATEWAY_URL", payment_gateway),
        ("DELIVERY_URL", notice_sender),
        ("GATEWAY_CALLBACK_URL", lambda: callback_url({})),
    ],
)
def test_production_calls_no_partner_over_plain_http(
    monkeypatch: pytest.MonkeyPatch, variable: str, use: Callable[[], object]
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv(variable, "http://partner.example")
    with pytest.raises(settings.Unencrypted):
        use()
    monkeypatch.setenv(variable, "https://partner.example")
    use()


@pytest.fixture
def only_a_secret(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    kept: dict[str, str] = {}
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("DATABASE_SECRET_ARN", "arn:secret")
    monkeypatch.setattr(settings, "secret", lambda arn, **_: {"arn:secret": kept}[arn])
    return kept


def test_database_url_takes_precedence_over_the_secret(
    only_a_secret: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    only_a_secret["url"] = "postgresql://secret"
    assert settings.database_url() == "postgresql://secret"
    monkeypatch.setenv("DATABASE_URL", "postgresql://mine")
    assert settings.database_url() == "postgresql://mine"


@pytest.mark.parametrize(("port", "expected"), [({}, 5432), ({"port": "6543"}, 6543)])
def test_an_rds_secret_becomes_a_database_url(
    only_a_secret: dict[str, str], port: dict[str, str], expected: int
) -> None:
    only_a_secret.update(RDS | port)
    url = urlsplit(settings.database_url())
    assert (url.hostname, url.port, url.path, url.query) == (
        "db.example",
        expected,
        "/lastunit",
        "sslmode=require",
    )
    assert unquote(url.username or "") == "owner"
    assert unquote(url.password or "") == RDS["password"]


def test_a_proxy_host_replaces_the_secrets_host(
    only_a_secret: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    only_a_secret.update(username="owner", password="secret")  # RDS' own secrets hold no more
    monkeypatch.setenv("DATABASE_PROXY_HOST", "proxy.example")
    address, _, query = settings.database_url().partition("?")
    assert address == "postgresql://owner:secret@proxy.example:5432/lastunit"
    assert query == "sslmode=verify-full&session=role"


@pytest.mark.parametrize("url", ["redis://cache.example:6379/0", "cache.example:6379"])
def test_production_reaches_no_valkey_without_tls(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("VALKEY_URL", url)
    assert settings.valkey_url() == url
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(settings.Unencrypted):
        settings.valkey_url()
    monkeypatch.setenv("VALKEY_URL", "rediss://cache.example:6379/0")
    assert settings.valkey_url() == "rediss://cache.example:6379/0"


def test_valkeys_login_is_added_to_its_address(
    only_a_secret: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VALKEY_URL", "rediss://cache.example:6379/0")
    assert settings.valkey_url() == "rediss://cache.example:6379/0"
    only_a_secret.update(username="shop", password="p/@:#%? ")
    monkeypatch.setenv("VALKEY_SECRET_ARN", "arn:secret")
    url = urlsplit(settings.valkey_url())
    assert (url.scheme, url.hostname, url.port, url.path) == ("rediss", "cache.example", 6379, "/0")
    assert (url.username, unquote(url.password or "")) == ("shop", RDS["password"])
