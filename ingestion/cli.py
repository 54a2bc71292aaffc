"""The command line of ingestion. What a command needs is imported when it runs: `--help` and a
wrong setting cost nothing else."""

from __future__ import annotations

import json
import os

from core.command_line import command, group, run_command
from core.settings import RangeSettings, read_settings
from ingestion.imports import let_in
from ingestion.settings import (
    DEMO_API_PORT,
    JSON,
    IngestSettings,
    ReplaySettings,
    RetractSettings,
    SampleSettings,
)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; its exit status. `arguments`: instead of those of this process."""
    return run_command(PROGRAM, arguments, "python -m ingestion")


@command(RangeSettings, IngestSettings, JSON)
def ingest() -> None:
    """Land the units of FROM to TO; those that are as before are not read again."""
    settings, is_json = IngestSettings.from_env(), JSON.read()
    if settings.connector == "dlt":
        let_in()
    from core.progress import Progress
    from core.warehouse.server import warehouse
    from ingestion.ingest import ingest

    result = ingest(settings, warehouse(), Progress(unit="units"))
    print(json.dumps(result.as_json()) if is_json else result.summary())


@command(RetractSettings)
def retract() -> None:
    """Take one delivery back, as if it had never come."""
    settings = read_settings(RetractSettings)
    from core.progress import Progress
    from core.warehouse.server import warehouse
    from ingestion.retract import retract

    for each in retract(settings, warehouse(), Progress()):
        print(each.summary())


@command(ReplaySettings)
def replay() -> None:
    """Read quarantined records again, by their mapping as it is now."""
    settings = read_settings(ReplaySettings)
    from core.progress import Progress
    from core.warehouse.server import warehouse
    from ingestion.replay import replay

    reason = settings.reason
    done = replay(settings, warehouse(), Progress(unit="sources"))
    for result in done:
        print(result.summary())
    if not done:
        print("Nothing to replay: no quarantined record" + (f" is {reason}" if reason else ""))


@command(RangeSettings, SampleSettings)
def mapping_draft() -> None:
    """Write a first mapping of files, an API or a resource of dlt, guessed from samples."""
    settings = SampleSettings.from_env()
    if settings.connector == "dlt":
        let_in()
    from ingestion.mapping_draft import draft
    from ingestion.sample_tables import show_draft

    show_draft(draft(settings), settings)


@command(RangeSettings, SampleSettings)
def mapping_check() -> None:
    """Show what a mapping makes of sample records; nothing lands, and no warehouse is needed."""
    settings = SampleSettings.from_env()
    if settings.connector == "dlt":
        let_in()
    from ingestion.mapping_check import check
    from ingestion.sample_tables import show_check

    checked = check(settings)
    show_check(checked)
    checked.refuse()


@command()
def up() -> None:
    """Start the embedded Postgres, or find PGHOST's, and create the landing tables."""
    from contextlib import closing

    from core.migrations import migrate
    from core.warehouse.connection import postgres_errors
    from core.warehouse.server import warehouse

    found = warehouse()
    with postgres_errors(found, "migrating"), closing(found.connect()) as db:
        migrate(db)
    print(f"Postgres is up: PGHOST={found.host} PGPORT={found.port} PGDATABASE={found.database}")


@command()
def down() -> None:
    """Stop the embedded Postgres."""
    from core.warehouse.embedded import stop_embedded

    print("The embedded Postgres is stopped." if stop_embedded() else "It was not running.")


@command()
def reset() -> None:
    """Stop the embedded Postgres and delete its data."""
    from core.warehouse.embedded import reset_embedded

    reset_embedded()
    print("The embedded Postgres is stopped and its data deleted.")


@command()
def psql() -> None:
    """A psql prompt on the warehouse."""
    from core.warehouse.embedded import psql_path
    from core.warehouse.server import warehouse

    env = os.environ | warehouse().libpq_env()
    os.execve(psql_path(), ["psql"], env)  # noqa: S606 - no shell, no user input


@command(DEMO_API_PORT)
def demo_api() -> None:
    """Serve the demo events API on loopback, until Ctrl-C."""
    port = DEMO_API_PORT.read()
    from ingestion.demo.server import serve_forever

    serve_forever(port)


@command()
def demo_files() -> None:
    """Write three days of demo events as files, under LOCAL_DIR/demo_files."""
    from core.settings import ROOT, local_dir
    from ingestion.demo.files import DAYS, write_demo_files

    folder = local_dir() / "demo_files"
    written = write_demo_files(folder)
    shown = folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder
    for name, records in written.items():
        print(f"{shown / name}: {records:,} records of {DAYS}")


PROGRAM = group(
    "ingestion",
    "Events into raw tables. Each option is also an environment variable, or a line of .env.",
    *(ingest, mapping_draft, mapping_check, replay, retract, up, down, reset, psql),
    *(demo_api, demo_files),
)
