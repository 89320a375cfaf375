"""Sign an access token with the shop's own key, for admins and for tools.

    python -m infra.local.token --secret-arn ARN [--endpoint URL]

prints a token with the scope `admin`, valid for a day. Whoever may read the secret may do this:
on AWS it takes secretsmanager:GetSecretValue.
"""

import argparse
import json
import time
import uuid
from typing import Any

import boto3
import jwt

ISSUER = "lastunit"  # both as in template.yaml
AUDIENCE = "lastunit-api"
LIFETIME_SECONDS = 24 * 3600
OPERATOR = uuid.UUID(int=0)  # an admin who is nobody's user


def sign_token(
    keys: dict[str, str],
    *,
    subject: uuid.UUID = OPERATOR,
    scope: str = "admin",
    lifetime_seconds: int = LIFETIME_SECONDS,
) -> str:
    """Sign a token with the current one of the keys, which are named by `kid`."""
    kid = keys["current"]
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(subject),
        "scope": scope,
        "iat": now,
        "exp": now + lifetime_seconds,
        "jti": str(uuid.uuid4()),
    }
    return jwt.encode(claims, keys[kid], algorithm="HS256", headers={"kid": kid})


def admin_token(secrets_manager: Any, secret_arn: str) -> str:
    """Sign an admin's token with the keys in the secret."""
    secret = secrets_manager.get_secret_value(SecretId=secret_arn)
    return sign_token(json.loads(secret["SecretString"]))


def main(arguments: list[str] | None = None) -> None:
    """Print an admin's token."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.token",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--secret-arn", required=True, help="the stack's output TokenSecretArn")
    parser.add_argument("--endpoint", help="an emulator; without it, the AWS account configured")
    chosen = parser.parse_args(arguments)
    client = boto3.client("secretsmanager", endpoint_url=chosen.endpoint)
    print(admin_token(client, chosen.secret_arn))


if __name__ == "__main__":
    main()
