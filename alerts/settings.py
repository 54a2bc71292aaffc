"""What the user can set of alerts. What is not set is not sent."""

from __future__ import annotations

from dataclasses import dataclass

from core.addresses import Addresses, Url
from core.settings import Setting
from core.values import Port, Whole

ALERT_AFTER_FAILURES = Setting(
    "ALERT_AFTER_FAILURES",
    Whole("failures", 1),
    "An alert goes out when a job has failed so often in a row, and each time as many came again.",
    default="2",
)
UI_PORT = Setting("UI_PORT", Port(), "Where `make ui` listens, on loopback.", default="3000")


@dataclass(frozen=True)
class AlertSettings:
    """Where messages go, and which links they hold."""

    email: str = Setting(
        "ALERT_EMAIL",
        Addresses(),
        "Who gets the alerts, by SMTP_URL.",
        example="on-call@example.com",
    ).field()
    smtp_url: str = Setting(
        "SMTP_URL",
        Url(("smtp", "smtps"), is_secret=True),
        "The mail server. With a login smtp:// is encrypted too (STARTTLS).",
        example="smtp://user:password@smtp.example.com:587",
        secret=True,
    ).field()
    sender: str = Setting(
        "ALERT_FROM",
        Addresses("an address"),
        "Who the mail is from.",
        default="fact-events@localhost",
    ).field()
    webhook_url: str = Setting(
        "ALERT_WEBHOOK_URL",
        Url(is_secret=True),
        'Gets each alert as {"text": …}, as Slack and its like take it.',
        secret=True,
    ).field()
    success_webhook_url: str = Setting(
        "SUCCESS_WEBHOOK_URL",
        Url(is_secret=True),
        "Is told which days of fact_events are built.",
        secret=True,
    ).field()
    dagster_url: str = Setting(
        "DAGSTER_URL",
        Url(),
        "The Dagster UI that links in alerts lead to. Not set: the one of `make ui`.",
        example="https://dagster.example.com",
    ).field()
    ui_port: int = UI_PORT.field()
