"""`make run`: the main job from nothing to a fact table, on the demo events API."""

from __future__ import annotations

import sys

from core.command_line import command, run_command
from core.days import last_complete_days

DAYS = 7
NEXT_STEPS = """[bold]Next, try[/bold]
  make psql    select * from analytics.fact_events limit 10;
  make ui      the same pipeline as Dagster assets, on http://127.0.0.1:3000
  make ingest SOURCE=files EVENTS_URL='/path/%Y-%m-%d*.jsonl.gz' FROM=… TO=…
               your own events; then make transform (README, "Your own events")"""


@command()
def main_job() -> None:
    """Ingest the last seven complete days from the demo API, build everything, show it.

    Running it again replaces the same days by the same records.

    \f
    Raises:
        UserError: the warehouse cannot be reached or a blocking test failed.
    """
    from rich.console import Console

    from core.progress import Progress
    from core.warehouse.server import warehouse
    from ingestion.demo.server import running
    from ingestion.ingest import ingest
    from ingestion.settings import IngestSettings
    from reporting.report import print_report
    from transform.build import transform

    console = Console(soft_wrap=True, highlight=False)
    found = warehouse()
    days = last_complete_days(DAYS)
    with running() as api:
        settings = IngestSettings(
            days=days,
            connector="api",
            mapping="canonical",
            events_url=api.url,
            profiles_url="",
            api_token=api.token,
        )
        console.print(ingest(settings, found, Progress()).summary())
    console.print(transform(found, None, Progress(unit="models and tests")))
    print_report(found, Console())
    console.print(NEXT_STEPS)


if __name__ == "__main__":
    sys.exit(run_command(main_job, prog="python -m commands.main_job"))
