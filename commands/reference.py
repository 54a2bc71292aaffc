"""`make settings`: .env.example and docs/settings.md, from what every room declares."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from textwrap import wrap
from typing import Any

from core.command_line import command, run_command
from core.settings import ROOT, Setting, declared_in, file_variable

# The order of both files, and their headings.
ROOMS = {
    "core": "Postgres, files of this machine, days",
    "ingestion": "Events: from where, read how",
    "transform": "dbt",
    "alerts": "Alerts: what is not set is not sent",
    "orchestration": "Dagster",
    "commands": "Retention and erasure",
    "reporting": "Comparing two tables",
    "benchmarks": "Benchmarks",
}
ENV_HEAD = """\
# Copy to .env and change what you need. Every line is optional; shown is the default, or an example
# where nothing is the default. Written by `make settings`: see docs/settings.md.
# A secret may be in a file: PGPASSWORD_FILE=/run/secrets/warehouse in place of PGPASSWORD.
"""
PAGE_HEAD = """\
# Settings

Every variable of the project. Each comes from the environment, from `.env` beside the Makefile,
or from make's command line (`make ingest FROM=2026-01-01`). What is no secret is also an option of
the commands that read it (`.venv/bin/python -m ingestion ingest --from 2026-01-01`; `--help` lists
them). An option wins over the environment, and that over `.env`. An empty variable is one that is
not set. A wrong value ends the command before anything has changed, with one line that names the
variable and the value, and exit status 2.

A secret may be in a file instead, as container platforms hand it over:
`PGPASSWORD_FILE=/run/secrets/warehouse` in place of `PGPASSWORD`, and so with each that this page
calls a secret. The line end after it is left out; a relative path is below the project's directory.
A file that cannot be read or is empty, and a secret that is set both ways, are refused. It is read
when a command starts. dbt called by itself reads no such files: `PGPASSFILE` is libpq's own.

This page and `.env.example` are written by `make settings` from the declarations in the rooms'
`settings.py`; a test compares the three. The variables of tests are in `docs/testing.md`.
"""


@command()
def reference() -> None:
    """Write .env.example and docs/settings.md from the declarations of every room."""
    for path, text in files().items():
        (ROOT / path).write_text(text)
        print(f"{path} is written")


def files() -> dict[str, str]:
    """The two files, by their path below the project's directory."""
    example, page = [ENV_HEAD], [PAGE_HEAD]
    for room, about in ROOMS.items():
        settings = declared_in(import_module(f"{room}.settings"))
        example.append("\n".join([f"# --- {about}", *_example(settings)]) + "\n")
        page.append("\n".join([f"## {about} (`{room}/settings.py`)", "", *_table(settings)]) + "\n")
    return {".env.example": "\n".join(example), "docs/settings.md": "\n".join(page)}


def _example(settings: list[Setting[Any]]) -> Iterator[str]:
    """Lines of .env.example."""
    for setting in settings:
        yield from (f"# {line}" for line in wrap(setting.meaning, 97))
        yield f"#{setting.name}={setting.default or setting.example}"


def _table(settings: list[Setting[Any]]) -> Iterator[str]:
    """A table of docs/settings.md."""
    yield "| variable | takes | default | means |"
    yield "|---|---|---|---|"
    for setting in settings:
        default = f"`{setting.default}`" if setting.default else "-"
        takes = setting.kind.words.replace("|", "\\|")
        means = setting.meaning
        if setting.secret:
            means += (
                f" A secret: never an option, never shown; or in `{file_variable(setting.name)}`."
            )
        yield f"| `{setting.name}` | {takes} | {default} | {means} |"


if __name__ == "__main__":
    sys.exit(run_command(reference, prog="python -m commands.reference"))
