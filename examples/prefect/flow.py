"""The daily job under Prefect 3: each task is a command of the core. `python flow.py web shop`."""

import csv
import json
import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

from prefect import flow, serve, task
from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run
from prefect.schedules import Cron
from prefect.tasks import exponential_backoff

CORE = Path(__file__).resolve().parents[2]
# The core bears with an outage of seconds by itself: 30, 60, 120, 240, 480 s and up to half more.
AGAIN = {"retries": 5, "retry_delay_seconds": exponential_backoff(30), "retry_jitter_factor": 0.5}
ACCOUNTING = """copy (select ingest_date, received, fact, duplicate, quarantined, retracted,
    forgotten, is_complete from analytics.row_accounting
    where ingest_date between '{FROM}' and '{TO}' order by 1) to stdout with csv header"""


def core(*command: str, stdin: str = "", **settings: str) -> str:
    """What a command of the core prints. One that fails says why in its last line."""
    run = [CORE / ".venv" / "bin" / "python", "-m", *command]
    env = os.environ | settings
    done = subprocess.run(run, cwd=CORE, env=env, input=stdin, text=True, capture_output=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().rpartition("\n")[2] or f"status {done.returncode}")
    return done.stdout


def as_before(_: object, given: dict[str, dict[str, str]]) -> str | None:
    """The cache key: fingerprints of what the source has. None, which runs the task, unless the
    core finds in its ledger that just this is landed (of an API only reading can tell)."""
    found = json.loads(core("ingestion", "ingest", DRY="1", JSON="1", **given["wanted"]))
    prints = [table["fingerprint"] for table in found["tables"].values()]
    return " ".join([*given["wanted"].values(), *prints]) if found["unchanged"] else None


@task(cache_key_fn=as_before, log_prints=True, **AGAIN)
def ingest(wanted: dict[str, str]) -> None:
    """Land what is new of some days."""
    print(core("ingestion", "ingest", **wanted))


@task(log_prints=True, **AGAIN)
def transform() -> None:
    """Build what is out of date. No cache: the ledger knows, in a second."""
    print(core("transform"))


@task(**AGAIN)
def check_accounting(wanted: dict[str, str]) -> None:
    """Tries again: what another source has landed meanwhile, its own run builds."""
    lines = core("ingestion", "psql", stdin=ACCOUNTING.format(**wanted)).splitlines()
    head, *rows = csv.reader(lines)
    table = [head, ["--:"] * len(head), *rows]
    create_markdown_artifact("\n".join(" | ".join(row) for row in table), "row-accounting")
    for day, received, *parts, is_complete in rows:
        if is_complete != "t" or int(received) != sum(map(int, parts)):
            raise ValueError(f"{day}: {received=} {parts=} {is_complete=}")


@flow(name="fact-events")
def daily(source: str, first: date | None = None, last: date | None = None) -> None:
    """Land and build the UTC days first to last, inclusive: by themselves those before the run."""
    last = last or flow_run.scheduled_start_time.date() - timedelta(days=1)
    first = first or last - timedelta(days=6)  # seven days: a unit that is as before costs little
    wanted = {"SOURCE_NAME": source, "FROM": f"{first}", "TO": f"{last}"}
    ingest(wanted)
    transform()
    check_accounting(wanted)


if __name__ == "__main__":
    more = {"schedule": Cron("0 3 * * *", timezone="UTC"), "concurrency_limit": 1}
    serve(*[daily.to_deployment(one, parameters={"source": one}, **more) for one in sys.argv[1:]])
