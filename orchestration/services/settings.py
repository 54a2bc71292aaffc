"""What the user can set of Dagster's services."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from alerts.settings import UI_PORT, AlertSettings
from core.settings import Setting, declared, read_settings
from core.values import Port, Switch, Text

__all__ = ["SERVICES", "UI_PORT", "CodeServerSettings", "UiSettings", "public_origin"]


@dataclass(frozen=True)
class UiSettings:
    """Who may use the UI, and for what."""

    port: int = UI_PORT.field()
    host: str = Setting(
        "UI_HOST",
        Text("an address"),
        "Where the UI listens. In a container 0.0.0.0: who may reach its port, that says who "
        "publishes it.",
        default="127.0.0.1",
    ).field()
    token: str = Setting(
        "UI_TOKEN",
        Text("a secret"),
        "What whoever uses the UI must give: as `Authorization: Bearer`, or as the password that a "
        "browser asks for. Not set: whoever reaches it may use it.",
        secret=True,
    ).field()
    read_only: bool = Setting(
        "UI_READ_ONLY",
        Switch(),
        "The UI shows all, and launches and changes nothing.",
        default="false",
    ).field()
    user_header: str = Setting(
        "UI_USER_HEADER",
        Text("a header's name"),
        "The header in which a proxy says who asks: runs launched in the UI are tagged with it.",
        example="X-Forwarded-User",
    ).field()


@dataclass(frozen=True)
class CodeServerSettings:
    """Where `make code-server` listens, and `make webserver` and `make daemon` ask it."""

    host: str = Setting(
        "CODE_SERVER_HOST",
        Text("a host or an address"),
        "Where `make code-server` listens, and the others ask it. Whoever reaches it can launch "
        "runs: nobody is asked who he is.",
        default="127.0.0.1",
    ).field()
    port: int = Setting("CODE_SERVER_PORT", Port(), "Its port.", default="4266").field()


# In the order of docs/settings.md; UI_PORT is among those of alerts, whose links hold it.
SERVICES = tuple(
    setting
    for each in (UiSettings, CodeServerSettings)
    for _, setting in declared(each)
    if setting is not UI_PORT
)


def public_origin() -> str:
    """The scheme and host of DAGSTER_URL, as a browser says it; "" where that is not set."""
    parts = urlsplit(read_settings(AlertSettings).dagster_url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
