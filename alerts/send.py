"""E-mail by SMTP, and webhooks that Slack and its like understand.

Settings: ALERT_EMAIL (addresses, comma separated) with SMTP_URL (smtp://user:password@host:587,
smtps://…), ALERT_WEBHOOK_URL, SUCCESS_WEBHOOK_URL. What is not set is not sent.
"""

from __future__ import annotations

import os
import smtplib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any
from urllib.parse import unquote, urlsplit

import requests

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
    base = os.environ.get("DAGSTER_URL") or f"http://127.0.0.1:{os.environ.get('UI_PORT') or 3000}"
    return f"{base.rstrip('/')}/runs/{run_id}"


def is_due(failures: int) -> bool:
    """Whether to alert at this failure in a row: the ALERT_AFTER_FAILURES-th (2), and each time as
    many have come again. A single failure is mostly cured by the next run."""
    return failures > 0 and failures % int(os.environ.get("ALERT_AFTER_FAILURES") or 2) == 0


def alert(message: Alert, env: Mapping[str, str] = os.environ) -> list[str]:
    """Send an alert everywhere that is set. One that cannot be reached does not stop the others.

    Returns:
        One line for each that failed; it holds no secret.
    """
    return _try_each(
        {
            "ALERT_EMAIL": lambda value: _mail(value, env.get("SMTP_URL", ""), message),
            "ALERT_WEBHOOK_URL": lambda value: _post(value, {"text": message.text()}),
        },
        env,
    )


def announce(
    asset: str, days: Sequence[str], run_id: str, env: Mapping[str, str] = os.environ
) -> list[str]:
    """Tell SUCCESS_WEBHOOK_URL which UTC days of an asset are built; returns what `alert` does."""
    text = f"{asset} is built: {', '.join(days)}"
    payload: dict[str, Any] = {
        "asset": asset,
        "days": list(days),
        "run": link_to(run_id),
        "text": text,
    }
    return _try_each({"SUCCESS_WEBHOOK_URL": lambda value: _post(value, payload)}, env)


def _try_each(channels: dict[str, Callable[[str], None]], env: Mapping[str, str]) -> list[str]:
    failed = []
    for setting, send in channels.items():
        if env.get(setting):
            try:
                send(env[setting])
            except (requests.RequestException, smtplib.SMTPException, OSError, ValueError) as error:
                # Webhook addresses are secrets, and errors quote them.
                failed.append(f"{setting}: not sent ({type(error).__name__})")
    return failed


def _post(url: str, payload: dict[str, Any]) -> None:
    requests.post(url, json=payload, timeout=TIMEOUT).raise_for_status()


def _mail(to: str, smtp_url: str, message: Alert) -> None:
    url = urlsplit(smtp_url)
    if url.scheme not in ("smtp", "smtps") or not url.hostname:
        raise ValueError("SMTP_URL is no smtp:// or smtps:// URL")
    mail = EmailMessage()
    mail["Subject"], mail["To"] = message.title, to
    mail["From"] = os.environ.get("ALERT_FROM") or "fact-events@localhost"
    mail.set_content(message.text())
    kind = smtplib.SMTP_SSL if url.scheme == "smtps" else smtplib.SMTP
    with kind(url.hostname, url.port or 0, timeout=TIMEOUT) as server:
        if url.username:
            if url.scheme == "smtp":
                server.starttls()
            server.login(unquote(url.username), unquote(url.password or ""))
        server.send_message(mail)
