"""Mail by a real SMTP server: a login is sent encrypted alone, to a server that proves its name."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
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


def signed_by_itself(folder: Path, host: str) -> Path:
    """A file with a key and the certificate of a host, which is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{host}.pem"
    pem = serialization.Encoding.PEM
    written = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(written + certificate.public_bytes(pem))
    return file


def context_of(file: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return signed_by_itself(tmp_path_factory.mktemp("tls"), "127.0.0.1")


@pytest.fixture(scope="module")
def tls(certificate: Path) -> ssl.SSLContext:
    return context_of(certificate)


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


def send(url: str) -> list[str]:
    """Send the message by an SMTP_URL."""
    return alert(MESSAGE, {"ALERT_EMAIL": "on-call@example.com", "SMTP_URL": url})


@pytest.mark.usefixtures("trusted")
def test_a_login_is_encrypted_first(tls):
    with serving(tls_context=tls, auth_require_tls=False) as (heard, address):
        assert send(f"smtp://me:pass%2Fword@{address}") == []
    assert heard.logins == [(*LOGIN, True)]
    assert len(heard.mails) == 1


def test_a_login_is_not_sent_where_it_cannot_be_encrypted():
    with serving(auth_require_tls=False) as (heard, address):
        assert send(f"smtp://me:pass%2Fword@{address}") == [
            "ALERT_EMAIL: not sent (SMTPNotSupportedError)"
        ]
    assert (heard.logins, heard.mails) == ([], [])


@pytest.mark.usefixtures("trusted")
def test_smtps_is_encrypted_from_the_first_byte(tls):
    with serving(ssl_context=tls, auth_require_tls=False) as (heard, address):
        assert send(f"smtps://me:pass%2Fword@{address}") == []
    assert [login[:2] for login in heard.logins] == [LOGIN]
    assert len(heard.mails) == 1


REFUSED = ["ALERT_EMAIL: not sent (SSLCertVerificationError)"]


@pytest.mark.parametrize(("scheme", "context"), [("smtp", "tls_context"), ("smtps", "ssl_context")])
def test_a_certificate_that_nobody_vouches_for_gets_no_login_and_no_mail(tls, scheme, context):
    with serving(**{context: tls}, auth_require_tls=False) as (heard, address):
        assert send(f"{scheme}://me:pass%2Fword@{address}") == REFUSED
    assert (heard.logins, heard.mails) == ([], [])


@pytest.mark.parametrize(("scheme", "context"), [("smtp", "tls_context"), ("smtps", "ssl_context")])
def test_a_trusted_certificate_of_another_host_is_refused(scheme, context, tmp_path, monkeypatch):
    file = signed_by_itself(tmp_path, "127.0.0.2")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with serving(**{context: context_of(file)}, auth_require_tls=False) as (heard, address):
        assert send(f"{scheme}://me:pass%2Fword@{address}") == REFUSED
    assert (heard.logins, heard.mails) == ([], [])


def test_without_a_login_no_encryption_is_asked_for():
    with serving() as (heard, address):
        assert send(f"smtp://{address}") == []
    assert heard.logins == []
    assert "Subject: it failed\n" in heard.mails[0].replace("\r\n", "\n")


@pytest.mark.parametrize(("setting", "first"), [("", 1), ("3", 3)])
def test_from_which_failure_in_a_row_on_is_set(monkeypatch, setting, first):
    monkeypatch.setenv("ALERT_AFTER_FAILURES", setting)
    assert [number for number in range(7) if is_due(number)] == [*range(first, 7)]
