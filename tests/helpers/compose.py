"""What deploy/compose.yaml says: the tests of services start their processes from it."""

from __future__ import annotations

import sys
from typing import Any

import yaml

from core.settings import ROOT

COMPOSE = ROOT / "deploy" / "compose.yaml"


def services() -> dict[str, dict[str, Any]]:
    """The services by name, as Compose reads them."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())["services"]
    return found


def command_of(name: str) -> list[str]:
    """What a service runs, by this Python."""
    python, *arguments = services()[name]["command"]
    assert python == "python"
    return [sys.executable, *arguments]
