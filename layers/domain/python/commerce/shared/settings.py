"""What the environment tells a function. Read on use, so that importing costs nothing."""

import os
from functools import cache
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from commerce.shared.aws import client
from commerce.shared.errors import Unavailable

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.parameters import SecretsProvider


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


def database_url() -> str:
    """Where PostgreSQL is: DATABASE_URL, else the secret (`url`, or the shape RDS keeps)."""
    if url := os.environ.get("DATABASE_URL"):
        return url
    kept = secret(text("DATABASE_SECRET_ARN"))
    if "url" in kept:
        return kept["url"]
    login = f"{quote(kept['username'])}:{quote(kept['password'], safe='')}"
    place = f"{kept['host']}:{kept.get('port', 5432)}/{kept['dbname']}"
    return f"postgresql://{login}@{place}?sslmode=require"
