"""What the user can set of the Dagster code location. Read when that is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache

from alerts.settings import AlertSettings
from core.addresses import PartitionNames, PastDay, PathOrUrl
from core.settings import Setting, load_env, read_settings
from orchestration.home.settings import DAGSTER_HOME, OTHERS
from orchestration.services.settings import SERVICES

__all__ = ["DAGSTER_HOME", "OTHERS", "SERVICES", "OrchestrationSettings", "orchestration_settings"]


@dataclass(frozen=True)
class OrchestrationSettings:
    """Which partitions there are, and where Python assets are kept."""

    partitions_start: date | None = Setting(
        "PARTITIONS_START",
        PastDay(),
        "The first daily partition. Not set: the month of the oldest event, when Dagster loads.",
        example="2026-01-01",
    ).field()
    regions: tuple[str, ...] = Setting(
        "REGIONS",
        PartitionNames("regions", ("other",)),
        "Regions with partitions of their own; all others share the partition `other`.",
        default="us-east,eu-west,ap-south",
    ).field()
    storage_url: str = Setting(
        "STORAGE_URL",
        PathOrUrl(("s3", "file")),
        "Where features and models are kept. Not set: LOCAL_DIR/storage.",
        example="s3://bucket/fact-events",
    ).field()


@cache
def orchestration_settings() -> OrchestrationSettings:
    """The settings of this process. `.env` counts, also where Dagster loads the code location.

    Raises:
        UserError: one is wrong, also of those for alerts: not at the moment of need.
    """
    load_env()
    read_settings(AlertSettings)
    return read_settings(OrchestrationSettings)
