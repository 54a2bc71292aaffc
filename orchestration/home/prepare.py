"""Where Dagster keeps its runs and events: settings in LOCAL_DIR/dagster, history in Postgres."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from core.settings import local_dir
from core.warehouse.embedded import start_embedded
from orchestration.home.settings import DAGSTER_HISTORY_URL, DAGSTER_HOME

DATABASE = "dagster"


def prepare_home() -> Path:
    """Create Dagster's home, or use DAGSTER_HOME where it is set, and return it.

    The history is where DAGSTER_HISTORY_URL says, else a database of the embedded Postgres,
    wherever the warehouse is: that one gets no tables of Dagster, and a run that failed because it
    is away can still be recorded.

    Raises:
        UserError: the embedded Postgres does not start.
    """
    if given := DAGSTER_HOME.read():
        return Path(given)
    home = local_dir() / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(__file__).with_name("dagster.yaml"), home / "dagster.yaml")
    # A crash of the embedded server may cost the last moments of history: then a backfill repeats a
    # step.
    url = DAGSTER_HISTORY_URL.read() or (
        f"{start_embedded(DATABASE).url()}&options=-csynchronous_commit%3Doff"
    )
    # The driver is named, or SQLAlchemy takes another.
    os.environ["DAGSTER_HISTORY_URL"] = re.sub("^postgresql:", "postgresql+psycopg2:", url)
    # How many materializations of a step are written at once (0, each alone, is the default).
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def prepare_history() -> None:
    """Make the tables of the history that `prepare_home` has found."""
    import dagster as dg  # 1 s, which those who only want the home need not pay

    with dg.DagsterInstance.get() as instance:
        instance.get_runs_count()


def history_url() -> str:
    """The history's database, as libpq takes it; "" where DAGSTER_HOME is somebody's own."""
    return DAGSTER_HISTORY_URL.read().replace("+psycopg2", "", 1)
