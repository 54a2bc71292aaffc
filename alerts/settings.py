"""What the user can set of alerts. What is not set is not sent."""

from __future__ import annotations

from dataclasses import dataclass

from core.addresses import Addresses, Owner, Url
from core.settings import Setting
from core.values import OneOf, Port, Share, Text, Whole

ALERT_AFTER_FAILURES = Setting(
    "ALERT_AFTER_FAILURES",
    Whole("failures", 1),
    "A job that fails is an alert from so many failed runs in a row on.",
    default="1",
)
OWNER = Setting(
    "OWNER",
    Owner(),
    "Who owns the assets, and is named in alerts.",
    default="data-engineering@example.com",
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
    signed_url: str = Setting(
        "ALERT_SIGNED_URL",
        Url(is_secret=True),
        "Gets each alert as JSON, signed (docs/runbook.md).",
        secret=True,
    ).field()
    signing_key: str = Setting(
        "ALERT_SIGNING_KEY",
        Text("a secret"),
        "The key of the HMAC-SHA256 of what ALERT_SIGNED_URL gets.",
        secret=True,
    ).field()
    heartbeat_url: str = Setting(
        "HEARTBEAT_URL",
        Url(is_secret=True),
        "Is called each hour while nothing is wrong: whoever misses the call tells you.",
        secret=True,
    ).field()
    every_hours: int = Setting(
        "ALERT_EVERY_HOURS",
        Whole("hours", 1),
        "What stays wrong is told again after so long.",
        default="24",
    ).field()
    owed_hours: int = Setting(
        "ALERT_OWED_HOURS",
        Whole("hours", 1),
        "A day that is not built and tested so long after it has changed is an alert.",
        default="6",
    ).field()
    quarantine_share: float = Setting(
        "ALERT_QUARANTINE_SHARE",
        Share(),
        "A day of which more than this share is quarantined is an alert.",
        default="0.05",
    ).field()
    owner: str = OWNER.field()
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


ALERT = Setting(
    "ALERT",
    OneOf(("failed-run", "failed-check", "nothing-delivered", "owed-days", "quarantine")),
    "For silence: the kind of alert.",
    example="owed-days",
)
HOURS = Setting(
    "HOURS", Whole("hours", 0, 8_760), "For silence: for how long; 0 ends it.", example="8"
)
