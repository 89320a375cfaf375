"""A server that speaks as much of PostgreSQL's protocol as tests of connecting need."""

import socket
import ssl
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

LOOPBACK = "127.0.0.1"

_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_AUTHENTICATED = b"R" + struct.pack("!ii", 8, 0)
_READY = b"Z" + struct.pack("!i", 5) + b"I"


@dataclass(slots=True)
class FakePostgres:
    """A running server: its settings, and for each session whether it was encrypted."""

    url: str
    certificate: Path | None = None
    """The file of the certificate and its key; without one, the server offers no encryption."""
    refused: bool | None = None
    """Sessions refused with "no pg_hba.conf entry": the encrypted ones, the others, or none."""
    reported: Mapping[str, str] = field(default_factory=dict)
    sessions: list[bool] = field(default_factory=list)


@contextmanager
def fake_postgres() -> Iterator[FakePostgres]:
    """Run the server; it lets everybody in and answers no statement."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        server = FakePostgres(f"postgresql://user:secret@{LOOPBACK}:{listener.getsockname()[1]}/db")
        serving = threading.Thread(target=_serve, args=(server, listener))
        serving.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            serving.join()


def a_certificate(directory: Path, name: str = LOOPBACK) -> Path:
    """Make a certificate for an address or host name that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    is_address = name[0].isdigit()
    names = [x509.IPAddress(ip_address(name)) if is_address else x509.DNSName(name)]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    found = directory / f"{name}.pem"
    found.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return found


def _serve(server: FakePostgres, listener: socket.socket) -> None:
    with suppress(OSError):  # the listener was shut down
        while True:
            client, _ = listener.accept()
            with client, suppress(OSError, EOFError):  # the client left
                client.settimeout(5)
                _open_session(server, client)


def _open_session(server: FakePostgres, client: socket.socket) -> None:
    opening = _read(client, 8)
    is_encrypted = opening == _SSL_REQUEST and server.certificate is not None
    if opening == _SSL_REQUEST:
        client.sendall(b"S" if is_encrypted else b"N")
        if server.certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(server.certificate)
            client = context.wrap_socket(client, server_side=True)
        opening = _read(client, 8)
    with client:
        _read(client, struct.unpack("!i", opening[:4])[0] - 8)
        server.sessions.append(is_encrypted)
        if server.refused is is_encrypted:
            client.sendall(_message(b"E", b"SFATAL\0VFATAL\0C28000\0Mno pg_hba.conf entry\0\0"))
            return
        reports = (f"{name}\0{value}\0".encode() for name, value in server.reported.items())
        statuses = b"".join(_message(b"S", each) for each in reports)
        client.sendall(_AUTHENTICATED + statuses + _READY)
        client.recv(1)  # the client says goodbye


def _message(code: bytes, body: bytes) -> bytes:
    return code + struct.pack("!i", len(body) + 4) + body


def _read(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = client.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data
