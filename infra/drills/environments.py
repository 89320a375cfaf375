"""Execution environments that read secrets at different times, on a clock that a drill moves."""

import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3


class Environment:
    """One execution environment: it goes on with what it has read, for as long as a function may.

    It never reads a key ring out of turn, which is the worst case.
    """

    def __init__(self, read_at: float) -> None:
        self.read_at = read_at
        self._provider = _provider()

    @contextmanager
    def serving(self, now: float) -> Iterator[None]:
        """Let this environment serve the block's requests at the moment `now`, in seconds."""
        from commerce.runtime import settings, tokens
        from commerce.user import devices

        if now - self.read_at >= settings.SECRET_SECONDS:
            self._provider, self.read_at = _provider(), now
        before = settings._secrets
        for each in (tokens.KEYRING, devices.KEYRING):
            each._refreshed_at = time.monotonic()
        settings._secrets = lambda: self._provider  # type: ignore[assignment]
        try:
            yield
        finally:
            settings._secrets = before


def _provider() -> Any:
    from aws_lambda_powertools.utilities.parameters import SecretsProvider

    from commerce.runtime.aws import client

    return SecretsProvider(boto3_client=client("secretsmanager"))


class Fleet:
    """Several environments, whose last reads lie evenly between now and five minutes ago."""

    def __init__(self, size: int) -> None:
        from commerce.runtime.settings import SECRET_SECONDS

        self.now = 0.0
        self._environments = [Environment(-SECRET_SECONDS * n / size) for n in range(size)]

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def wait_for_all(self) -> None:
        """Let five minutes pass, after which every environment reads again."""
        from commerce.runtime.settings import SECRET_SECONDS

        self.wait(SECRET_SECONDS)

    def each(self) -> Iterator[None]:
        """Let every environment serve one round of a loop."""
        for environment in self._environments:
            with environment.serving(self.now):
                yield

    @contextmanager
    def first(self) -> Iterator[None]:
        """Let the environment serve that read last."""
        with self._environments[0].serving(self.now):
            yield


class Secret:
    """A secret of the drill's own in the emulator."""

    def __init__(self, **values: str) -> None:
        made = _manager().create_secret(
            Name=f"drill-{secrets.token_hex(6)}", SecretString=json.dumps(values)
        )
        self.arn = str(made["ARN"])

    def put(self, **values: str) -> None:
        """Replace the value, as put-secret-value does."""
        _manager().put_secret_value(SecretId=self.arn, SecretString=json.dumps(values))

    def value(self) -> dict[str, str]:
        """Return the present value."""
        found = _manager().get_secret_value(SecretId=self.arn)["SecretString"]
        values: dict[str, str] = json.loads(found)
        return values

    def delete(self) -> None:
        """Remove it."""
        _manager().delete_secret(SecretId=self.arn, ForceDeleteWithoutRecovery=True)


def _manager() -> Any:
    return boto3.client("secretsmanager", endpoint_url=os.environ["AWS_ENDPOINT_URL"])


@contextmanager
def a_secret(**values: str) -> Iterator[Secret]:
    """Provide a secret that is removed after the block."""
    secret = Secret(**values)
    try:
        yield secret
    finally:
        secret.delete()
