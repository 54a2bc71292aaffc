"""What the user can set of the builds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.settings import ROOT, Place, Setting
from core.values import OneOf, Share, Switch, Text, Whole

# Read by the dbt project itself: profiles/profiles.yml, dbt/macros/days/cells.sql.
OTHERS = (
    Setting(
        "CELLS",
        Text("regions, comma separated"),
        "Bare dbt: overwrites these regions of its days alone. Dagster sets it for a run of cells.",
        example="eu-west,us-east",
    ),
    Setting(
        "CELLS_BESIDE",
        Text("regions, comma separated"),
        "Bare dbt: overwrites every other region. Dagster sets it for a run of cells.",
        example="eu-west,us-east",
    ),
)
MAX_UNKNOWN_USERS = Setting(
    "MAX_UNKNOWN_USERS",
    Share(),
    "A day is warned about when the users of more than this share of its facts are unknown, "
    "and profiles have been delivered.",
    default="0.2",
)
SWAP_WAIT = Setting(
    "SWAP_WAIT",
    Whole("seconds", high=999_999),
    "How long a build waits for readers that hold fact_events, or a snapshot older than the new "
    "days; those not reached by then keep their rows, and the next build replaces them.",
    default="300",
)


@dataclass(frozen=True)
class TransformSettings:
    """Where dbt writes, and what; of whom it warns."""

    target_path: Path = Setting(
        "DBT_TARGET_PATH",
        Place("a directory, below dbt/ if relative", ROOT / "dbt"),
        "Where dbt keeps its manifest and the compiled SQL.",
        default="target",
    ).field()
    log_path: Path = Setting(
        "DBT_LOG_PATH",
        Place("a directory, below dbt/ if relative", ROOT / "dbt"),
        "Where dbt keeps its log.",
        default="logs",
    ).field()
    write_json: bool = Setting(
        "DBT_WRITE_JSON",
        Switch(),
        "Whether builds write manifest.json and run_results.json, 0.25 s each time.",
        default="false",
    ).field()
    max_unknown_users: float = MAX_UNKNOWN_USERS.field()
    rebuild: str = Setting(
        "REBUILD",
        OneOf(("ask", "auto")),
        "What follows an edit of the models: ask says how many days are on older ones, for make "
        "rebuild; auto lets make transform and automation build those anew.",
        default="ask",
    ).field()
    swap_wait: int = SWAP_WAIT.field()
