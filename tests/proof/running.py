"""How the proof runs the pipeline: an empty database, commands on an edited project, their end."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import closing

from dbt.cli.main import dbtRunner

from core.warehouse.connection import Warehouse
from core.warehouse.embedded import start_embedded
from tests.helpers.pipeline import in_thread
from tests.helpers.processes import Command, start
from tests.helpers.servers import may_lose_data
from transform.project import LOCATION

covered: Counter[str] = Counter()


def start_edited(command: str, **settings: str) -> Command:
    """A command of the project, on the copy that a colleague edits."""
    return start("tests.helpers.edited", command, **settings)


def coverage() -> str:
    """What the sequences so far have covered."""
    return ", ".join(f"{number:,} {what}" for what, number in sorted(covered.items()))


def ends_well(command: Command) -> None:
    """Wait for a command that nothing has happened to."""
    done = command.finish()
    assert done.returncode == 0, done.stdout + done.stderr


def new_database() -> Warehouse:
    """An empty database on this process's embedded server, named by the PG* variables."""
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE"):
        os.environ.pop(name, None)
    found = start_embedded()
    may_lose_data(found)
    with closing(found.connect(database="postgres")) as db, db.cursor() as cursor:
        cursor.execute("drop database fact_events with (force)")
    found = start_embedded()
    os.environ.update(found.libpq_env())
    return found


def dbt(*arguments: str) -> None:
    """dbt in this process, which saves its start."""
    outcome = in_thread(dbtRunner().invoke, [*arguments, *LOCATION, "--log-level", "none"])
    assert outcome.success, [r.message for r in getattr(outcome.result, "results", []) if r.message]
