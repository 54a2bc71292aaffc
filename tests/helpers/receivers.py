"""Real receivers of messages: an SMTP server and an HTTP server on loopback."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from tests.helpers.servers import serving


class Mailbox(Message):
    def __init__(self) -> None:
        super().__init__()
        self.mails: list[str] = []

    def handle_message(self, message) -> None:
        mail = cast(EmailMessage, message_from_bytes(message.as_bytes(), policy=default))
        self.mails.append(f"{mail['To']}\n{mail['Subject']}\n{_body(mail)}")


def _body(mail: EmailMessage) -> str:
    body = mail.get_body(("plain", "html"))
    return body.get_content() if body else ""


@contextmanager
def mail_server() -> Iterator[tuple[Mailbox, str]]:
    """What came, and its SMTP_URL."""
    mailbox = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    yield mailbox, f"smtp://127.0.0.1:{port}"
    controller.stop()


class Hook(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        self.bodies: list[dict] = []
        self.raw: list[tuple[bytes, dict[str, str]]] = []  # with the headers
        self.asked: list[str] = []  # paths of GET
        self.status = 200
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append(json.loads(body))
        self.server.raw.append((body, dict(self.headers)))
        self.send_response(self.server.status)
        self.end_headers()

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def web_server() -> Iterator[Hook]:
    server = Hook()
    with serving(server):
        yield server


def url(hook: Hook) -> str:
    """Where it is, with a secret in it."""
    return f"http://127.0.0.1:{hook.server_address[1]}/services/T0/secret"
