"""What the user can set of the Dagster code location. Read when that is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache

from core.settings import Setting, load_env, read_settings
from core.values import Day, Text, Words
from orchestration.home.settings import DAGSTER_HOME, OTHERS

__all__ = ["DAGSTER_HOME", "OTHERS", "OrchestrationSettings", "orchestration_settings"]


@dataclass(frozen=True)
class OrchestrationSettings:
    """Which partitions there are, whose they are, and where Python assets are kept."""

    partitions_start: date = Setting(
        "PARTITIONS_START", Day(), "The first daily partition.", default="2010-01-01"
    ).field()
    regions: tuple[str, ...] = Setting(
        "REGIONS",
        Words("regions, comma separated"),
        "Regions with partitions of their own; all others share the partition `other`.",
        default="us-east,eu-west,ap-south",
    ).field()
    owner: str = Setting(
        "OWNER",
        Text("an address, or team:name"),
        "Who owns the assets, and is named in alerts.",
        default="data-engineering@example.com",
    ).field()
    storage_url: str = Setting(
        "STORAGE_URL",
        Text("a path, or s3://bucket/prefix"),
        "Where features and models are kept. Not set: LOCAL_DIR/storage.",
        example="s3://bucket/fact-events",
    ).field()


@cache
def orchestration_settings() -> OrchestrationSettings:
    """The settings of this process. `.env` counts, also where Dagster loads the code location."""
    load_env()
    return read_settings(OrchestrationSettings)
