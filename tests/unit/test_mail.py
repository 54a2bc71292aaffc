"""Mail by a real SMTP server: a login is only ever sent encrypted."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from alerts.send import Alert, alert, is_due

MESSAGE = Alert("it failed", "owner@example.com", "run-1", "3 rows", {})
LOGIN = (b"me", b"pass/word")


class Server:
    """What an SMTP server was told."""

    def __init__(self) -> None:
        self.mails: list[str] = []
        self.logins: list[tuple[bytes, bytes, bool]] = []  # user, password, encrypted?

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any):
        self.logins.append((data.login, data.password, session.ssl is not None))
        return AuthResult(success=(data.login, data.password) == LOGIN)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(envelope.content.decode())
        return "250 OK"


@contextmanager
def serving(**how: Any) -> Iterator[tuple[Server, str]]:
    """An SMTP server on loopback, and its host and port."""
    heard = Server()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(
        heard, hostname="127.0.0.1", port=port, authenticator=heard.authenticate, **how
    )
    controller.start()
    yield heard, f"127.0.0.1:{port}"
    controller.stop()


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A server's certificate that it has signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file: Path = tmp_path_factory.mktemp("tls") / "server.pem"
    pem = serialization.Encoding.PEM
    written = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(written + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.fixture
def send(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """Send the message by an SMTP_URL."""

    def sent(url: str) -> list[str]:
        return alert(MESSAGE, {"ALERT_EMAIL": "on-call@example.com", "SMTP_URL": url})

    return sent


def test_a_login_is_encrypted_first(send, tls):
    with serving(tls_context=tls, auth_require_tls=False) as (heard, address):
        assert send(f"smtp://me:pass%2Fword@{address}") == []
    assert heard.logins == [(*LOGIN, True)]
    assert len(heard.mails) == 1


def test_a_login_is_not_sent_where_it_cannot_be_encrypted(send):
    with serving(auth_require_tls=False) as (heard, address):
        assert send(f"smtp://me:pass%2Fword@{address}") == [
            "ALERT_EMAIL: not sent (SMTPNotSupportedError)"
        ]
    assert (heard.logins, heard.mails) == ([], [])


def test_smtps_is_encrypted_from_the_first_byte(send, tls):
    with serving(ssl_context=tls, auth_require_tls=False) as (heard, address):
        assert send(f"smtps://me:pass%2Fword@{address}") == []
    assert [login[:2] for login in heard.logins] == [LOGIN]
    assert len(heard.mails) == 1


def test_without_a_login_no_encryption_is_asked_for(send):
    with serving() as (heard, address):
        assert send(f"smtp://{address}") == []
    assert heard.logins == []
    assert "Subject: it failed\n" in heard.mails[0].replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("setting", "due"), [("", [2, 4, 6]), ("1", [1, 2, 3, 4, 5, 6]), ("3", [3, 6])]
)
def test_the_second_failure_in_a_row_is_told_unless_set_otherwise(monkeypatch, setting, due):
    monkeypatch.delenv("ALERT_AFTER_FAILURES", raising=False)
    if setting:
        monkeypatch.setenv("ALERT_AFTER_FAILURES", setting)
    assert [number for number in range(7) if is_due(number)] == due
