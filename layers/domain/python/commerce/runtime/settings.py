"""What the environment tells a function. Read on use, so that importing costs nothing."""

import os
from functools import cache
from typing import TYPE_CHECKING, cast
from urllib.parse import quote, urlsplit

from commerce.runtime.aws import client
from commerce.shared.errors import Unavailable

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.parameters import SecretsProvider

DATABASE_NAME = "lastunit"  # as infra/production makes it; RDS' own secret does not name it


class Missing(RuntimeError):
    """A setting is absent: the template, or `.local/env`, must give it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the environment variable {name} is not set")


def text(name: str, default: str | None = None) -> str:
    """A setting's text. Raises Missing where it is absent and has no default."""
    value = os.environ.get(name, default)
    if not value:
        if default is not None:
            return default
        raise Missing(name)
    return value


def number(name: str, default: int) -> int:
    """A setting that counts something."""
    return int(os.environ.get(name) or default)


@cache
def _secrets() -> "SecretsProvider":
    from aws_lambda_powertools.utilities.parameters import SecretsProvider

    return SecretsProvider(boto3_client=client("secretsmanager"))


def secret(arn: str, *, fresh: bool = False) -> dict[str, str]:
    """A Secrets Manager secret's JSON, kept for five minutes so that a rotation is noticed.

    Raises Unavailable.
    """
    from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

    try:
        kept = _secrets().get(arn, max_age=300, transform="json", force_fetch=fresh)
    except GetParameterError as error:
        raise Unavailable("Secrets cannot be read at the moment; try again.") from error
    return cast("dict[str, str]", kept)


def database_url(*, fresh: bool = False) -> str:
    """Where PostgreSQL is: DATABASE_URL, else the secret (`url`, or the shape RDS keeps).

    Where DATABASE_PROXY_HOST says that a proxy stands before it, the proxy, in whose sessions the
    time-outs are the role's. `fresh` reads the secret anew: its password may have been rotated.
    """
    if url := os.environ.get("DATABASE_URL"):
        return url
    kept = secret(text("DATABASE_SECRET_ARN"), fresh=fresh)
    if "url" in kept:
        return kept["url"]
    proxy = text("DATABASE_PROXY_HOST", "")
    login = f"{quote(kept['username'], safe='')}:{quote(kept['password'], safe='')}"
    place = f"{proxy or kept['host']}:{kept.get('port', 5432)}/{kept.get('dbname', DATABASE_NAME)}"
    # The proxy's certificate is one that every system trusts; the database's own needs RDS' bundle.
    return f"postgresql://{login}@{place}?" + (
        "sslmode=verify-full&session=role" if proxy else "sslmode=require"
    )


def valkey_url() -> str:
    """Where Valkey is: VALKEY_URL, with the login of VALKEY_SECRET_ARN where there is one."""
    url = text("VALKEY_URL")
    arn = text("VALKEY_SECRET_ARN", "")
    if not arn:
        return url
    kept = secret(arn)
    login = f"{quote(kept['username'], safe='')}:{quote(kept['password'], safe='')}"
    parts = urlsplit(url)
    return parts._replace(netloc=f"{login}@{parts.netloc}").geturl()
