"""`source .local/env` points a shell's commands at the local system, and nowhere else."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.env_file import read_env, write_env
from infra.local.system import Endpoints

ENDPOINTS = Endpoints(
    api_url="http://127.0.0.1:1/_aws/execute-api/abc/v1",
    database_url="postgresql://lastunit:pa$$'w rd@127.0.0.1:2/lastunit?a=b&c=d",
    valkey_url="redis://127.0.0.1:3/0",
    aws_endpoint_url="http://127.0.0.1:4",
    delivery_url="http://127.0.0.1:5",
    gateway_url="http://127.0.0.1:6",
    beacon_url="http://127.0.0.1:7",
    mail_url="http://127.0.0.1:8",
    admin_token="a.b.c",
)
OWN_ACCOUNT = {
    "AWS_PROFILE": "production",
    "AWS_DEFAULT_PROFILE": "production",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "AKIAOWN",
    "AWS_SECRET_ACCESS_KEY": "own",
    "AWS_SESSION_TOKEN": "own",
    "AWS_ENDPOINT_URL": "https://elsewhere.example",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
}
PRINT_ENVIRONMENT = "import json, os; print(json.dumps(dict(os.environ)))"
PRINT_CLIENT = (
    "import boto3, json; c = boto3.client('sqs'); k = boto3.Session().get_credentials();"
    "print(json.dumps([c.meta.endpoint_url, c.meta.region_name, k.access_key, k.token]))"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    ENDPOINTS.write(tmp_path / "env")
    return tmp_path / "env"


def after_sourcing(file: Path, program: str, shell: str = "bash", before: str = "") -> object:
    command = f'{before} . "{file}"; exec "{sys.executable}" -c "{program}"'
    environment = {"PATH": os.defpath, "HOME": str(file.parent), **OWN_ACCOUNT}
    ended = subprocess.run(
        [shell, "-c", command], env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(ended.stdout)


@pytest.mark.parametrize("before", ["", "set -a;"])
@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_sourcing_the_file_exports_every_address(file: Path, shell: str, before: str) -> None:
    found = after_sourcing(file, PRINT_ENVIRONMENT, shell, before)
    assert isinstance(found, dict)
    assert {name: found.get(name) for name in ENDPOINTS.as_variables()} == ENDPOINTS.as_variables()
    assert found["API_URL"] == ENDPOINTS.api_url
    assert found["DATABASE_URL"] == ENDPOINTS.database_url


def test_an_aws_client_then_reaches_the_local_system_only(file: Path) -> None:
    reached = after_sourcing(file, PRINT_CLIENT)
    assert reached == ["http://127.0.0.1:4", "us-east-1", "local", None]


def test_the_commands_read_what_a_shell_would_get(file: Path) -> None:
    assert read_env(file) == ENDPOINTS.as_variables()


def test_a_file_of_plain_assignments_is_still_read(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("API_URL=http://127.0.0.1:1/v1\nDATABASE_URL=postgresql://a=b\n")
    assert read_env(tmp_path / "env") == {
        "API_URL": "http://127.0.0.1:1/v1",
        "DATABASE_URL": "postgresql://a=b",
    }


def test_a_missing_file_gives_no_variable(tmp_path: Path) -> None:
    assert read_env(tmp_path / "env") == {}


def test_only_its_owner_may_read_the_file(tmp_path: Path) -> None:
    write_env(tmp_path / "env", {"ADMIN_TOKEN": "a.b.c"})
    assert stat.S_IMODE((tmp_path / "env").stat().st_mode) == 0o600
