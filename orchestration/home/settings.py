"""What the user can set of Dagster's home."""

from core.settings import Setting
from core.values import Text, Whole

DAGSTER_HOME = Setting(
    "DAGSTER_HOME",
    Text("a directory"),
    "Dagster's own: a home, with its dagster.yaml, that is used as it is. Not set: one is made "
    "under LOCAL_DIR, with its history in the embedded Postgres.",
    example="/var/lib/dagster",
)
DAGSTER_HISTORY_URL = Setting(
    "DAGSTER_HISTORY_URL",
    Text("postgresql+psycopg2://…"),
    "Where the home of ours keeps its history; set for the processes of `make ui` and "
    "`make backfill`. Only of use in a home that is copied from ours.",
    secret=True,
)
OTHERS = (
    DAGSTER_HISTORY_URL,
    Setting(
        "DAGSTER_EVENT_BATCH_SIZE",
        Whole("events"),
        "Dagster's own: materializations of a step that are written at once. 0: each alone.",
        default="1000",
    ),
)
