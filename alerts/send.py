"""E-mail by SMTP, and webhooks that Slack and its like understand.

Where to is said by alerts/settings.py. What is not set is not sent.
"""

from __future__ import annotations

import os
import smtplib
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any
from urllib.parse import unquote, urlsplit

import requests

from alerts.settings import ALERT_AFTER_FAILURES, AlertSettings
from core.settings import read_settings

TIMEOUT = 10  # seconds


@dataclass(frozen=True)
class Alert:
    """What a person needs to know: what failed, whose it is, where to look, which rows.

    `queries` are those of failed checks, by name.
    """

    title: str
    owner: str
    run_id: str
    reason: str
    queries: Mapping[str, str]

    def text(self) -> str:
        """The message, plain."""
        run = f"Run: {link_to(self.run_id)}"
        rows = [f"\nFailing rows, {name}:\n{query}" for name, query in self.queries.items()]
        return "\n".join([self.title, f"Owner: {self.owner}", run, "", self.reason, *rows])


def link_to(run_id: str) -> str:
    """A Dagster run's page in the UI, at DAGSTER_URL."""
    settings = read_settings(AlertSettings)
    base = settings.dagster_url or f"http://127.0.0.1:{settings.ui_port}"
    return f"{base.rstrip('/')}/runs/{run_id}"


def is_due(failures: int) -> bool:
    """Whether to alert at this failure in a row: the ALERT_AFTER_FAILURES-th (2), and each time as
    many have come again. A single failure is mostly cured by the next run."""
    return failures > 0 and failures % ALERT_AFTER_FAILURES.read() == 0


def alert(message: Alert, env: Mapping[str, str] = os.environ) -> list[str]:
    """Send an alert everywhere that is set. One that cannot be reached does not stop the others.

    Returns:
        One line for each that failed; it holds no secret.
    """
    settings = read_settings(AlertSettings, env)
    return _try_each(
        ("ALERT_EMAIL", settings.email, lambda to: _mail(to, settings, message)),
        (
            "ALERT_WEBHOOK_URL",
            settings.webhook_url,
            lambda url: _post(url, {"text": message.text()}),
        ),
    )


def announce(
    asset: str, days: Sequence[str], run_id: str, env: Mapping[str, str] = os.environ
) -> list[str]:
    """Tell SUCCESS_WEBHOOK_URL which UTC days of an asset are built; returns what `alert` does."""
    url = read_settings(AlertSettings, env).success_webhook_url
    payload: dict[str, Any] = {
        "asset": asset,
        "days": list(days),
        "run": link_to(run_id),
        "text": f"{asset} is built: {', '.join(days)}",
    }
    return _try_each(("SUCCESS_WEBHOOK_URL", url, lambda url: _post(url, payload)))


def _try_each(*channels: tuple[str, str, Callable[[str], None]]) -> list[str]:
    failed = []
    for setting, where, send in channels:
        if where:
            try:
                send(where)
            except (requests.RequestException, smtplib.SMTPException, OSError, ValueError) as error:
                # Webhook addresses are secrets, and errors quote them.
                failed.append(f"{setting}: not sent ({type(error).__name__})")
    return failed


def _post(url: str, payload: dict[str, Any]) -> None:
    requests.post(url, json=payload, timeout=TIMEOUT).raise_for_status()


def _mail(to: str, settings: AlertSettings, message: Alert) -> None:
    url = urlsplit(settings.smtp_url)
    if not url.hostname:
        raise ValueError("ALERT_EMAIL is set, SMTP_URL is not")
    mail = EmailMessage()
    mail["Subject"], mail["To"] = message.title, to
    mail["From"] = settings.sender
    mail.set_content(message.text())
    with _connected(url.scheme, url.hostname, url.port or 0) as server:
        if url.username:
            if url.scheme == "smtp":
                server.starttls(context=ssl.create_default_context())
            server.login(unquote(url.username), unquote(url.password or ""))
        server.send_message(mail)


def _connected(scheme: str, host: str, port: int) -> smtplib.SMTP:
    """A connection. Without a context of ours smtplib takes any certificate, of whomever: the
    default one checks chain and name against the system's authorities, or SSL_CERT_FILE's."""
    if scheme == "smtps":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT, context=context)
    return smtplib.SMTP(host, port, timeout=TIMEOUT)
