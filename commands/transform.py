"""`make transform`: dbt build of the days that new loads touched, or of FROM to TO.

dbt runs inside this process, so that its events drive the progress bar.
"""

from __future__ import annotations

import sys
from contextlib import closing

from dbt.cli.main import dbtRunner
from dbt_common.events.base_types import EventMsg

from commands.build_lock import build_lock
from ingestion.cli import run_command
from ingestion.days import DayRange
from ingestion.errors import UserError
from ingestion.ledger import create_landing
from ingestion.progress import Progress
from ingestion.settings import ROOT, optional_range
from ingestion.warehouse import warehouse

PROJECT_DIR = ROOT / "dbt"
PROFILES_DIR = ROOT / "profiles"
MANIFEST = PROJECT_DIR / "target" / "manifest.json"
LOCATION = ["--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROFILES_DIR)]


def build_arguments(days: DayRange | None) -> list[str]:
    """dbt's arguments to build a range of UTC days; without one, what is out of date.

    Unit tests test the code, not the data: they run in CI (a bare `dbt build`), not here.
    The range goes by flags, not by --vars: a new value of a variable costs a full parse.
    """
    arguments = ["build", "--exclude-resource-type", "unit_test"]
    if days is not None:
        arguments += [f"--event-time-start={days.start}", f"--event-time-end={days.end}"]
    return arguments


def prepare_warehouse() -> None:
    """The warehouse is up, and has the tables that the models read."""
    with closing(warehouse().connect()) as db:
        create_landing(db)


def transform(days: DayRange | None, progress: Progress) -> str:
    """Run `dbt build` and return one line about it.

    Args:
        days: rebuild these; None rebuilds exactly the days that loads touched since.
        progress: shows the models and tests as they finish.

    Raises:
        UserError: a model or a blocking test failed; each has its own line on stderr.
    """
    prepare_warehouse()
    with build_lock(warehouse(), PROJECT_DIR):
        return _build(days, progress)


def _build(days: DayRange | None, progress: Progress) -> str:
    title = f"dbt build {days}" if days else "dbt build"

    def on_event(event: EventMsg) -> None:
        if event.info.name == "LogStartLine" and event.data.index == 1:
            progress.start(title, event.data.total)
        elif event.info.name == "NodeFinished":
            progress.advance()

    outcome = dbtRunner(callbacks=[on_event]).invoke(
        [*build_arguments(days), *LOCATION, "--log-level", "none"]
    )
    progress.done()
    if outcome.exception is not None:
        raise UserError(f"dbt: {' '.join(str(outcome.exception).split())}")
    results = list(getattr(outcome.result, "results", []))
    for result in results:
        if result.status in ("error", "fail", "warn"):
            reason = " ".join((result.message or "").split())
            print(f"{result.status}: {result.node.name}: {reason}", file=sys.stderr)
    counts = {status: sum(r.status == status for r in results) for status in ("pass", "warn")}
    models = sum(result.status == "success" for result in results)
    failed = sum(result.status in ("error", "fail") for result in results)
    if not outcome.success:
        raise UserError(f"dbt build failed: {failed} of {len(results)} models and tests, see above")
    return f"dbt build: {models} models, {counts['pass']} tests passed, {counts['warn']} warned"


def _transform() -> None:
    print(transform(optional_range(), Progress(unit="models and tests")))


def _docs() -> None:
    warehouse()
    outcome = dbtRunner().invoke(["docs", "generate", "--static", *LOCATION])
    if not outcome.success:
        raise UserError("dbt docs generate failed, see above")
    print(f"open {PROJECT_DIR / 'target' / 'static_index.html'}")


if __name__ == "__main__":
    sys.exit(run_command(_docs if sys.argv[1:] == ["docs"] else _transform))
