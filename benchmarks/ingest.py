"""What ingestion costs against its floor and the usual ways: `python -m benchmarks.ingest`.

ROWS (1,000,000) JSON lines of about 220 bytes, 5 % of them repeats, into `raw.events` of a
database of its own, best of REPEATS (3). Floor: DuckDB parses to a CSV file, then one COPY of the
same columns into a table of the same types and indexes. dlt's default path (dictionaries) and
pandas' `to_sql` do SAMPLE (50,000) rows and are extrapolated. `MEMORY=10` also loads ten times the
rows and compares peak RSS.
Prints a table and, on the last line, JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import pandas as pd
from rich.console import Console
from rich.table import Table
from sqlalchemy import create_engine

from ingestion.days import parse_range
from ingestion.ingest import ingest
from ingestion.ledger import create_landing
from ingestion.progress import Progress
from ingestion.settings import IngestSettings
from ingestion.warehouse import Warehouse, start_embedded

ROWS = int(os.environ.get("ROWS") or 1_000_000)
SAMPLE = int(os.environ.get("SAMPLE") or 50_000)
REPEATS = int(os.environ.get("REPEATS") or 3)
MEMORY = int(os.environ.get("MEMORY") or 0)
FILES = 500
DAY = "2026-01-01"
COLUMNS = (
    "event_id, user_id, event_type, event_ts, region, payload, ingest_date, event_date, "
    "parse_error, source, _dlt_load_id"
)


def records(rows: int) -> str:
    """A query of deterministic events; every twentieth repeats the one before."""
    return f"""select
            'e' || lpad(cast(i - cast(i % 20 = 19 as int) as varchar), 9, '0') as event_id,
            'u' || (hash(i) % 50000) as user_id,
            ['page_view', 'click', 'add_to_cart', 'purchase', 'search'][1 + i % 5] as event_type,
            strftime(timestamp '{DAY}' + interval (i % 86400) second, '%Y-%m-%dT%H:%M:%SZ')
                as event_ts,
            ['us-east', 'eu-west', 'ap-south'][1 + i % 3] as region,
            {{'page': '/products/' || (hash(i + 3) % 10000), 'price': (hash(i + 4) % 100000) / 100,
              'device': 'mobile', 'referrer': 'campaign'}} as properties
        from range({rows}) as t(i)"""


def generate(path: Path, rows: int) -> Path:
    """A file of JSON lines."""
    duckdb.execute(f"copy ({records(rows)}) to '{path}' (format json)")
    return path


def generate_days(folder: Path, rows: int, files: int) -> str:
    """The rows as daily files; returns their template."""
    per_file = rows // files
    for number in range(files):
        day = f"date '{DAY}' + {number}"
        name = duckdb.execute(f"select strftime({day}, '%Y-%m-%d')").fetchone()[0]
        offset = number * per_file
        duckdb.execute(
            f"""copy (from ({records(rows)}) limit {per_file} offset {offset})
            to '{folder}/{name}.jsonl' (format json)"""
        )
    return f"{folder}/%Y-%m-%d.jsonl"


def best(warehouse: Warehouse, run: Callable[[], object]) -> float:
    """The fewest seconds of REPEATS runs, each into empty tables."""
    seconds = []
    for _ in range(REPEATS):
        with closing(warehouse.connect()) as db, db.cursor() as cursor:
            cursor.execute("drop schema if exists raw cascade; drop schema if exists other cascade")
            cursor.execute("create schema other; checkpoint")
            create_landing(db)
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def ours(warehouse: Warehouse, template: str | Path, last: str = DAY) -> None:
    """`make ingest` in this process, everything imported."""
    days = parse_range(DAY, last)
    ingest(IngestSettings(days, "files", "canonical", str(template), "", ""), warehouse, Progress())


def command(template: str | Path, last: str = DAY) -> int:
    """`make ingest` as a process; returns the peak RSS, in MB, of it and its children."""
    settings = {"EVENTS_URL": str(template), "FROM": DAY, "TO": last}
    process = subprocess.Popen(
        [sys.executable, "-m", "ingestion", "ingest"],
        env=os.environ | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    peak = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.02):
            peak = max(peak, _rss(process.pid))

    thread = threading.Thread(target=watch)
    thread.start()
    status = process.wait()
    done.set()
    thread.join()
    assert status == 0  # noqa: S101 - a benchmark of a failed run is none
    return peak


def _rss(pid: int) -> int:
    """Resident megabytes of a process and its children."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    own = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")]
    return sum(own) // 1024 + sum(_rss(int(child)) for child in children)


def floor(warehouse: Warehouse, path: Path, scratch: Path) -> None:
    """DuckDB to CSV, then COPY, one after the other."""
    target = scratch / "floor.csv"
    duckdb.execute(
        f"""copy (select event_id, user_id, event_type, event_ts, region, properties as payload,
                date '{DAY}' as ingest_date, left(event_ts, 10) as event_date, null as parse_error,
                'canonical' as source, '1' as _dlt_load_id
            from read_json('{path}', format='newline_delimited', columns={{event_id: 'VARCHAR',
                user_id: 'VARCHAR', event_type: 'VARCHAR', event_ts: 'VARCHAR', region: 'VARCHAR',
                properties: 'JSON'}})) to '{target}' (format csv, header false)"""
    )
    with closing(warehouse.connect()) as db, db.cursor() as cursor, target.open() as file:
        cursor.execute("create table other.events (like raw.events including all)")
        cursor.copy_expert(f"copy other.events ({COLUMNS}) from stdin (format csv)", file)


def dlt_default(path: Path) -> None:
    """dlt as its tutorial has it: dictionaries."""
    import dlt

    @dlt.resource(name="events")
    def lines():
        with path.open() as file:
            for line in file:
                yield json.loads(line)

    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ)
        for name in [name for name in environment if name.startswith(("DATA_", "NORMALIZE"))]:
            del os.environ[name]
        credentials = start_embedded().url()
        dlt.pipeline(
            "default",
            destination=dlt.destinations.postgres(credentials=credentials),
            dataset_name="other",
            pipelines_dir=folder,
        ).run(lines())
        os.environ.update(environment)


def pandas_to_sql(warehouse: Warehouse, path: Path) -> None:
    """pandas as most scripts have it."""
    frame = pd.read_json(path, lines=True)
    frame["properties"] = frame["properties"].map(json.dumps)
    url = warehouse.url().replace("postgresql://", "postgresql+psycopg2://")
    frame.to_sql(
        "events", create_engine(url), schema="other", index=False, method="multi", chunksize=5_000
    )


def main() -> None:
    """Measure and print."""
    os.environ.pop("PGHOST", None)
    os.environ["PGDATABASE"] = "benchmark_ingest"
    warehouse = start_embedded()
    os.environ.update(warehouse.libpq_env())
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(dir=os.environ.get("LOCAL_DIR")) as name:
        folder = Path(name)
        path = generate(folder / "rows.jsonl", ROWS)
        sample = generate(folder / "sample.jsonl", SAMPLE)
        times = ROWS / SAMPLE
        found["floor"] = best(warehouse, lambda: floor(warehouse, path, folder))
        found["ours"] = best(warehouse, lambda: ours(warehouse, path))
        peaks: list[int] = []
        found["command"] = best(warehouse, lambda: peaks.append(command(path)))
        found["peak_mb"] = max(peaks)
        found["dlt"] = best(warehouse, lambda: dlt_default(sample)) * times
        found["pandas"] = best(warehouse, lambda: pandas_to_sql(warehouse, sample)) * times
        (folder / "days").mkdir()
        template = generate_days(folder / "days", ROWS // 5, FILES)
        one = generate(folder / "one.jsonl", ROWS // 5)
        found["files"] = best(warehouse, lambda: ours(warehouse, template, "2027-05-15"))
        found["one_file"] = best(warehouse, lambda: ours(warehouse, one))
        if MEMORY:
            large = generate(folder / "large.jsonl", ROWS * MEMORY)
            found["peak_large_mb"] = command(large)
    table = Table(title=f"{ROWS:,} JSON lines into raw.events")
    for column in ("", "seconds", "ratio", "target"):
        table.add_column(column, justify="left" if not column else "right")
    base = found["floor"]
    table.add_row("floor: DuckDB to CSV, COPY", f"{base:.2f}", "1", "")
    table.add_row(
        "ours, net of start-up", f"{found['ours']:.2f}", f"{found['ours'] / base:.2f}", "1.0"
    )
    command_ratio = f"{found['command'] / base:.2f}"
    table.add_row("ours, as a command", f"{found['command']:.2f}", command_ratio, "1.5")
    for other, title in (("dlt", "dlt's default *"), ("pandas", "pandas to_sql *")):
        ratio = f"{found[other] / found['ours']:.0f} x ours"
        table.add_row(title, f"{found[other]:.0f}", ratio, "15 x" if other == "dlt" else "")
    files_ratio = f"{found['files'] / found['one_file']:.2f} x one file"
    table.add_row(f"{FILES} files of a fifth", f"{found['files']:.2f}", files_ratio, "2")
    table.add_row("peak memory", f"{found['peak_mb']:.0f} MB", "", "700 MB")
    if MEMORY:
        ratio = f"{found['peak_large_mb'] / found['peak_mb']:.2f}"
        table.add_row(f"  of {MEMORY} x the rows", f"{found['peak_large_mb']:.0f} MB", ratio, "1.1")
    Console().print(table)
    Console().print(f"* extrapolated from {SAMPLE:,} rows")
    print(json.dumps({key: round(value, 3) for key, value in found.items()}))


if __name__ == "__main__":
    main()
