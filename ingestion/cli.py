"""The command line of ingestion. Settings come from the environment; see `.env.example`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

from core.command_line import run_command
from ingestion.settings import IngestSettings


def main(arguments: list[str] | None = None) -> int:
    """Parse the arguments and run one command. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m ingestion", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    for name, (function, help_text) in COMMANDS.items():
        commands.add_parser(name, help=help_text).set_defaults(function=function)
    return run_command(parser.parse_args(arguments).function)


def _ingest() -> None:
    settings = IngestSettings.from_env()
    from core.progress import Progress
    from core.warehouse.server import warehouse
    from ingestion.ingest import ingest

    print(ingest(settings, warehouse(), Progress()).summary())


def _replay() -> None:
    from ingestion.replay import replay, replay_settings

    reason, mapping = replay_settings()
    from core.progress import Progress
    from core.warehouse.server import warehouse

    done = replay(reason, mapping, warehouse(), Progress(unit="sources"))
    for result in done:
        print(result.summary())
    if not done:
        print("Nothing to replay: no quarantined record" + (f" is {reason}" if reason else ""))


def _up() -> None:
    from contextlib import closing

    from core.migrations import migrate
    from core.warehouse.server import warehouse

    found = warehouse()
    with closing(found.connect()) as db:
        migrate(db)
    print(f"Postgres is up: PGHOST={found.host} PGPORT={found.port} PGDATABASE={found.database}")


def _down() -> None:
    from core.warehouse.embedded import stop_embedded

    print("The embedded Postgres is stopped." if stop_embedded() else "It was not running.")


def _reset() -> None:
    from core.warehouse.embedded import reset_embedded

    reset_embedded()
    print("The embedded Postgres is stopped and its data deleted.")


def _psql() -> None:
    from core.warehouse.embedded import psql_path
    from core.warehouse.server import warehouse

    warehouse()
    os.execv(psql_path(), ["psql"])  # noqa: S606 - no shell, no user input


def _demo_api() -> None:
    from ingestion.demo.server import serve_forever

    serve_forever()


COMMANDS: dict[str, tuple[Callable[[], None], str]] = {
    "ingest": (_ingest, "land the raw days FROM to TO"),
    "replay": (_replay, "read quarantined records again, by their mapping as it is now"),
    "up": (_up, "start the embedded Postgres and create the landing tables"),
    "down": (_down, "stop the embedded Postgres"),
    "reset": (_reset, "stop the embedded Postgres and delete its data"),
    "psql": (_psql, "a psql prompt on the warehouse"),
    "demo-api": (_demo_api, "serve the demo events API on loopback"),
}
