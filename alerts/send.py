"""E-mail by SMTP, and webhooks that Slack and its like understand.

Where to is said by alerts/settings.py. What is not set is not sent.
"""

from __future__ import annotations

import hmac
import json
import os
import smtplib
import ssl
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from functools import partial
from hashlib import sha256
from typing import Any
from urllib.parse import unquote, urlsplit

import requests

from alerts.settings import ALERT_AFTER_FAILURES, AlertSettings
from core.settings import read_settings

TIMEOUT = 10  # seconds
_SHOWN = 10


RUNBOOK = "docs/runbook.md"


@dataclass(frozen=True)
class Alert:
    """What a person needs to know: what is wrong, whose it is, where to look, which rows.

    `queries`: by what they show. `state`: wrong or recovered. `key`: the same for each try of one
    message, so that who gets it twice can tell.
    """

    title: str
    owner: str
    run_id: str
    reason: str
    queries: Mapping[str, str]
    kind: str = "failed-run"
    subject: str = ""
    state: str = "wrong"
    days: Sequence[str] = ()
    rows: int | None = None
    key: str = ""

    @property
    def runbook(self) -> str:
        """Where it says what to do."""
        return f"{RUNBOOK}#{self.kind}"

    def text(self) -> str:
        """The message, plain."""
        lines = [self.title, f"Owner: {self.owner}", f"Run: {link_to(self.run_id)}"]
        if self.days:
            more = f" and {len(self.days) - _SHOWN} more" if len(self.days) > _SHOWN else ""
            lines.append(f"Days: {', '.join(self.days[:_SHOWN])}{more}")
        if self.rows is not None:
            lines.append(f"Number: {self.rows:,}")
        lines += [f"Runbook: {self.runbook}", "", self.reason]
        lines += [f"\nRows, {name}:\n{query}" for name, query in self.queries.items()]
        return "\n".join(lines)

    def body(self) -> dict[str, Any]:
        """The message, for programs. The same at each try."""
        return asdict(self) | {"link": link_to(self.run_id), "runbook": self.runbook}


def link_to(run_id: str) -> str:
    """A Dagster run's page in the UI, at DAGSTER_URL; without a run the UI itself."""
    settings = read_settings(AlertSettings)
    base = settings.dagster_url or f"http://127.0.0.1:{settings.ui_port}"
    return f"{base.rstrip('/')}/runs/{run_id}" if run_id else base


def is_due(failures: int) -> bool:
    """Whether so many failures in a row are an alert: ALERT_AFTER_FAILURES or more."""
    return failures >= ALERT_AFTER_FAILURES.read()


def channels(settings: AlertSettings) -> dict[str, Callable[[Alert], None]]:
    """What sends an alert, by the setting that says where to; only those that are set."""
    known: dict[str, tuple[str, Callable[[Alert], None]]] = {
        "ALERT_EMAIL": (settings.email, lambda message: _mail(settings, message)),
        "ALERT_WEBHOOK_URL": (
            settings.webhook_url,
            lambda message: _post(settings.webhook_url, {"text": message.text()}),
        ),
        "ALERT_SIGNED_URL": (settings.signed_url, lambda message: _post_signed(settings, message)),
    }
    return {name: send for name, (where, send) in known.items() if where}


def deliver(message: Alert, settings: AlertSettings, skip: Collection[str] = ()) -> dict[str, str]:
    """Send an alert everywhere that is set. One that cannot be reached does not stop the others.

    Returns:
        By channel, "" or what went wrong in a line; it holds no secret.
    """
    return {
        name: _tried(name, partial(send, message))
        for name, send in channels(settings).items()
        if name not in skip
    }


def alert(message: Alert, env: Mapping[str, str] = os.environ) -> list[str]:
    """Send an alert everywhere that is set; returns a line for each that failed."""
    sent = deliver(message, read_settings(AlertSettings, env))
    return [error for error in sent.values() if error]


def beat(env: Mapping[str, str] = os.environ) -> list[str]:
    """Call HEARTBEAT_URL, if it is set: all is well. Returns what `alert` does."""
    url = read_settings(AlertSettings, env).heartbeat_url
    error = _tried("HEARTBEAT_URL", partial(_get, url)) if url else ""
    return [error] if error else []


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
    error = _tried("SUCCESS_WEBHOOK_URL", partial(_post, url, payload)) if url else ""
    return [error] if error else []


def _tried(setting: str, send: Callable[[], None]) -> str:
    try:
        send()
    except (requests.RequestException, smtplib.SMTPException, OSError, ValueError) as error:
        # Webhook addresses are secrets, and errors quote them.
        return f"{setting}: not sent ({type(error).__name__})"
    return ""


def _post(url: str, payload: dict[str, Any]) -> None:
    requests.post(url, json=payload, timeout=TIMEOUT).raise_for_status()


def _get(url: str) -> None:
    requests.get(url, timeout=TIMEOUT).raise_for_status()


def _post_signed(settings: AlertSettings, message: Alert) -> None:
    """The signature is of the body as it is sent, as GitHub and others do it."""
    if not settings.signing_key:
        raise ValueError("ALERT_SIGNED_URL is set, ALERT_SIGNING_KEY is not")
    body = json.dumps(message.body(), sort_keys=True).encode()
    signature = hmac.new(settings.signing_key.encode(), body, sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": message.key,
        "X-Signature-256": f"sha256={signature}",
    }
    answer = requests.post(settings.signed_url, data=body, headers=headers, timeout=TIMEOUT)
    answer.raise_for_status()


def _mail(settings: AlertSettings, message: Alert) -> None:
    url = urlsplit(settings.smtp_url)
    if not url.hostname:
        raise ValueError("ALERT_EMAIL is set, SMTP_URL is not")
    mail = EmailMessage()
    mail["Subject"], mail["To"] = message.title, settings.email
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
