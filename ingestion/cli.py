"""The command line of ingestion. What a command needs is imported when it runs: `--help` and a
wrong setting cost nothing else."""

from __future__ import annotations

import os

from core.command_line import command, group, run_command
from core.settings import RangeSettings, read_settings
from ingestion.settings import DEMO_API_PORT, IngestSettings, ReplaySettings


def main(arguments: list[str] | None = None) -> int:
    """Run one command; its exit status. `arguments`: instead of those of this process."""
    return run_command(PROGRAM, arguments, "python -m ingestion")


@command(RangeSettings, IngestSettings)
def ingest() -> None:
    """Land the raw days FROM to TO."""
    settings = IngestSettings.from_env()
    from core.progress import Progress
    from core.warehouse.server import warehouse
    from ingestion.ingest import ingest

    print(ingest(settings, warehouse(), Progress()).summary())


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


@command()
def up() -> None:
    """Start the embedded Postgres, or find PGHOST's, and create the landing tables."""
    from contextlib import closing

    from core.migrations import migrate
    from core.warehouse.server import warehouse

    found = warehouse()
    with closing(found.connect()) as db:
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


PROGRAM = group(
    "ingestion",
    "Events into raw tables. Each option is also an environment variable, or a line of .env.",
    *(ingest, replay, up, down, reset, psql, demo_api),
)
