"""Settings from environment variables and secrets, read on use."""

import os
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, cast
from urllib.parse import quote, urlsplit

from commerce.runtime.aws import client
from commerce.shared.errors import Unavailable

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.parameters import SecretsProvider

SECRET_SECONDS = 300  # a function goes on with a secret that it has read for so long
DATABASE_NAME = "lastunit"  # as infra/production makes it; RDS' own secret does not name it


class Missing(RuntimeError):
    """A setting is missing; the template or `.local/env` must define it."""


class Unencrypted(RuntimeError):
    """In production a partner or the cache would be reached without TLS."""


def text(name: str, default: str | None = None) -> str:
    """Return a setting. Raises Missing where it is absent and has no default."""
    value = os.environ.get(name, default)
    if not value:
        if default is not None:
            return default
        raise Missing(f"the environment variable {name} is not set")
    return value


def number(name: str, default: int) -> int:
    """Return a setting that is a whole number."""
    return int(os.environ.get(name) or default)


def outside(url: str) -> str:
    """Return the URL of another company's system. Raises Unencrypted for http:// in production."""
    return _encrypted(url, "https")


def is_production() -> bool:
    """Return whether this is a production deployment."""
    return text("ENVIRONMENT", "development") == "production"


def _encrypted(url: str, scheme: str) -> str:
    if is_production() and urlsplit(url).scheme != scheme:
        raise Unencrypted(f"in production this must be {scheme}://: {urlsplit(url).hostname}")
    return url


@cache
def _secrets() -> "SecretsProvider":
    from aws_lambda_powertools.utilities.parameters import SecretsProvider

    return SecretsProvider(boto3_client=client("secretsmanager"))


def secret(arn: str, *, fresh: bool = False) -> dict[str, str]:
    """Return a secret's JSON, cached for SECRET_SECONDS unless `fresh`. Raises Unavailable."""
    from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

    try:
        found = _secrets().get(arn, max_age=SECRET_SECONDS, transform="json", force_fetch=fresh)
    except GetParameterError as error:
        raise Unavailable("Secrets cannot be read at the moment; try again.") from error
    return cast("dict[str, str]", found)


def signing_secrets(name: str) -> list[str]:
    """Return the keys of a partner's signatures: the current, and in a rotation the previous.

    They are in the secret that {name}_ARN names; {name} replaces it with a single key. Raises
    Missing, Unavailable.
    """
    if given := text(name, ""):
        return [given]
    arn = text(f"{name}_ARN")
    found = secret(arn)
    if not found.get("current"):
        raise Missing(f"the secret {arn} has no current key")
    return [found[role] for role in ("current", "previous") if found.get(role)]


def fingerprint_key() -> bytes:
    """Return the HMAC key for fingerprints of what must not be guessed: cards, e-mail addresses.

    Raises Missing, Unavailable.
    """
    given = text("FINGERPRINT_KEY", "")
    return (given or secret(text("FINGERPRINT_SECRET_ARN"))["key"]).encode()


def database_url(*, fresh: bool = False) -> str:
    """Return PostgreSQL's URL: DATABASE_URL, else made of the secret (`url`, or RDS's fields).

    With DATABASE_PROXY_HOST it is the proxy's URL, in whose sessions the role has the time-outs.
    `fresh` reads the secret again, as its password may have been rotated.
    """
    if url := os.environ.get("DATABASE_URL"):
        return url
    found = secret(text("DATABASE_SECRET_ARN"), fresh=fresh)
    if "url" in found:
        return found["url"]
    proxy = text("DATABASE_PROXY_HOST", "")
    host, port = proxy or found["host"], found.get("port", 5432)
    address = f"{_login(found)}@{host}:{port}/{found.get('dbname', DATABASE_NAME)}"
    # The proxy's certificate is trusted everywhere; the database's own would need RDS's bundle.
    return f"postgresql://{address}?" + (
        "sslmode=verify-full&session=role" if proxy else "sslmode=require"
    )


def valkey_url() -> str:
    """Return Valkey's URL: VALKEY_URL, with the login of VALKEY_SECRET_ARN if that is set.

    Raises Unencrypted for anything but rediss:// in production.
    """
    url = _encrypted(text("VALKEY_URL"), "rediss")
    arn = text("VALKEY_SECRET_ARN", "")
    if not arn:
        return url
    parts = urlsplit(url)
    return parts._replace(netloc=f"{_login(secret(arn))}@{parts.netloc}").geturl()


def _login(found: Mapping[str, str]) -> str:
    return f"{quote(found['username'], safe='')}:{quote(found['password'], safe='')}"
