"""raw -> fact_events, whole: `python -m benchmarks.transform [ROWS]`.

151 days. Ours is `dbt --full-refresh` in a loaded process; the other is one hand-written statement
over the same raw tables into a table of the same shape, indexed afterwards.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

from dbt.cli.main import dbtRunner
from rich.console import Console

from benchmarks.generate import START, Product, generate
from benchmarks.measure import REPETITIONS, Report, execute, new_database, number, own_server
from core.days import DayRange
from core.progress import Progress
from core.warehouse.connection import Warehouse
from ingestion.ingest import ingest
from ingestion.settings import IngestSettings
from transform.build import transform
from transform.project import LOCATION

DAYS = DayRange(START, START + timedelta(days=151))
SHAPE = """
    drop table if exists one_statement;
    create table one_statement (like analytics.fact_events) partition by range (event_date);
    do $$
    declare day date;
    begin
        for day in select distinct event_date from analytics.fact_events loop
            execute format('create table %I partition of one_statement
                for values from (%L) to (%L)', 'one_' || day, day, day + 1);
        end loop;
    end
    $$"""
INSERT = """
    insert into one_statement
    select distinct on (e.event_date, e.user_id, e.event_id)
        e.event_id, e.user_id, e.event_type, e.event_ts, e.event_date, e.region,
        coalesce(p.tier, 'unknown'), coalesce(p.region, 'unknown'), e.payload, e.ingest_date, now()
    from raw.events as e
    left join analytics.dim_user_versions as p
        on p.user_id = e.user_id and (p.valid_from <= e.event_ts or p.version_number = 1)
        and (e.event_ts < p.valid_to or p.valid_to is null)
    where e.reject_reason is null
    order by e.event_date, e.user_id, e.event_id, e.ingest_date desc, e.event_ts desc,
        e.payload::text desc"""
# The name alone is also the project's, and would select everything.
FACTS = "+path:models/marts/fact_events.sql"
INDEX = "create unique index on one_statement (event_date, user_id, event_id)"


def load(warehouse: Warehouse, folder: Path, days: DayRange, product: Product) -> None:
    """Generate deliveries and ingest them."""
    generate(folder, days, product)
    events, profiles = (f"{folder}/{name}/%Y-%m-%d.jsonl" for name in ("events", "profiles"))
    settings = IngestSettings(days, "files", "canonical", events, profiles, "")
    ingest(settings, warehouse, Progress())


def dbt(*arguments: str) -> None:
    """One dbt invocation in this process."""
    outcome = dbtRunner().invoke([*arguments, *LOCATION, "--log-level", "none"])
    assert outcome.success  # noqa: S101 - a benchmark of a failed run is none


def measure(rows: int) -> tuple[Report, Report]:
    """The figures for about `rows` events: seconds, and bytes of disk and WAL."""
    report = Report("transform", f"{rows:,} events over {len(DAYS)} days, seconds")
    disk = Report("disk", f"{rows:,} events over {len(DAYS)} days, bytes per event")
    with own_server() as folder:
        warehouse = new_database("transform")
        [[start]] = execute(warehouse, "select pg_current_wal_lsn()::text")
        load(warehouse, folder / "source", DAYS, Product(rows // len(DAYS)))
        [[loaded]] = execute(warehouse, "select pg_current_wal_lsn()::text")
        transform(warehouse, None, Progress())
        for what, expression in {
            "raw.events": "select pg_total_relation_size('raw.events')",
            "fact_events with its index": """select sum(pg_total_relation_size(inhrelid))
                from pg_inherits where inhparent = 'analytics.fact_events'::regclass""",
            "WAL of ingest": f"select pg_wal_lsn_diff('{loaded}', '{start}')",
            "WAL of transform": f"select pg_wal_lsn_diff(pg_current_wal_lsn(), '{loaded}')",
        }.items():
            disk.add(what, number(warehouse, expression) / rows)
        for _ in range(REPETITIONS):
            execute(warehouse, SHAPE, "checkpoint")
            report.time("one statement", lambda: execute(warehouse, INSERT, INDEX))
            [[theirs]] = execute(warehouse, "select count(*) from one_statement")
            execute(warehouse, "drop table one_statement", "checkpoint")
            report.time(
                "dbt run, models",
                lambda: dbt("run", "--full-refresh", "--select", FACTS),
            )
            execute(warehouse, "checkpoint")
            report.time(
                "dbt build with tests",
                lambda: dbt("build", "--full-refresh", "--exclude-resource-type", "unit_test"),
            )
            [[ours]] = execute(warehouse, "select count(*) from analytics.fact_events")
            assert ours == theirs  # noqa: S101
    report.ratio("raw -> fact_events ÷ one statement", "dbt run, models", "one statement", "≤ 1.5")
    report.ratio("dbt build ÷ one statement", "dbt build with tests", "one statement", "≤ 2.5")
    return report, disk


if __name__ == "__main__":
    for figures in measure(int(sys.argv[1]) if sys.argv[1:] else 1_500_000):
        figures.show(Console())
