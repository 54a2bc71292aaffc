"""What the user can set of Dagster's home."""

from core.addresses import Url
from core.settings import Setting
from core.values import Text, Whole

# To the history, of each of the three parts of a storage, at most: one of them stays open.
CONNECTIONS = 4

DAGSTER_HOME = Setting(
    "DAGSTER_HOME",
    Text("a directory"),
    "Dagster's own: a home, with its dagster.yaml, that is used as it is. Not set: one is made "
    "under LOCAL_DIR, with its history in the embedded Postgres.",
    example="/var/lib/dagster",
)
DAGSTER_HISTORY_URL = Setting(
    "DAGSTER_HISTORY_URL",
    Url(("postgresql", "postgresql+psycopg2"), is_secret=True),
    "The database that keeps the history of the home of ours, of any Postgres. Not set: one of the "
    "embedded Postgres.",
    secret=True,
)
HISTORY_DAYS = Setting(
    "HISTORY_DAYS",
    Whole("days", 1),
    "Dagster's finished runs are kept for so many days, with their events and logs.",
    default="90",
)
OTHERS = (
    DAGSTER_HISTORY_URL,
    HISTORY_DAYS,
    Setting(
        "DAGSTER_EVENT_BATCH_SIZE",
        Whole("events"),
        "Dagster's own: materializations of a step that are written at once. 0: each alone.",
        default="1000",
    ),
)
