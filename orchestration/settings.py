"""What the user can set of the Dagster code location. Read when that is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from core.settings import Setting
from core.values import Day, Text, Whole, Words

DAGSTER_HOME = Setting(
    "DAGSTER_HOME",
    Text("a directory"),
    "Dagster's own: a home, with its dagster.yaml, that is used as it is. Not set: one is made "
    "under LOCAL_DIR, with its history in the embedded Postgres.",
    example="/var/lib/dagster",
)
OTHERS = (
    Setting(
        "DAGSTER_HISTORY_URL",
        Text("postgresql+psycopg2://…"),
        "Where the home of ours keeps its history; set for the processes of `make ui` and "
        "`make backfill`. Only of use in a home that is copied from ours.",
        secret=True,
    ),
    Setting(
        "DAGSTER_EVENT_BATCH_SIZE",
        Whole("events"),
        "Dagster's own: materializations of a step that are written at once. 0: each alone.",
        default="1000",
    ),
)


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
