"""Arrow batches into Postgres with dlt: extract to Parquet files, then binary COPY through ADBC.

Every load has a working directory of its own. dlt would otherwise pick up what a killed run left
behind and ignore the new data, and concurrent runs would take each other's packages.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from psycopg2.extensions import connection as Connection

from core.errors import Unavailable, UserError
from core.migrations import migrate
from core.scratch import scratch_directory
from core.warehouse.connection import Warehouse
from core.warehouse.locks import exclusively
from ingestion.land.copy_files import COPIES, copy_files
from ingestion.land.ledger import (
    Delivered,
    begin_load,
    complete_load,
    remove_dead_loads,
    tidy,
)
from ingestion.mapping.landing_schema import REQUIRED, SCHEMAS

if TYPE_CHECKING:
    import dlt

Batches = Iterator[pa.RecordBatch]
Complete = Callable[[Connection, str, str, dict[str, Delivered]], None]

BATCH_ROWS = 100_000  # at most, in an Arrow batch of Parquet, CSV or an API
_DLT_SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    # Its own state would be one more table to load; our ledger knows what came.
    "RESTORE_FROM_DESTINATION": "false",
    "LOAD__WORKERS": str(COPIES),
    # A job that fails, fails the load: a load is complete or invisible.
    "LOAD__RAISE_ON_FAILED_JOBS": "true",
}


def land(
    warehouse: Warehouse,
    source: str,
    batches: dict[str, Batches],
    delivered: dict[str, Delivered],
    on_step: Callable[[str], None],
    complete: Complete = complete_load,
    check: Callable[[Connection], None] = lambda db: None,
) -> str:
    """Load batches of landing rows and make them what their days delivered.

    Nothing of the load is visible before the last step, which is one transaction.

    Args:
        warehouse: where to.
        source: the mapping's name.
        batches: by table, the rows; consumed once, before the first row is written.
        delivered: by table, the days the load covers; filled with the counts of what came.
        on_step: told the step that begins, for the progress display.
        complete: makes the load live, in one transaction.
        check: refuses the load by a UserError, after it was read and before its first row lands.

    Returns:
        The load id.

    Raises:
        UserError: the source or the warehouse failed; the warehouse is as it was.
    """
    with scratch_directory() as directory:
        pipeline = _pipeline(warehouse, directory)
        _extract(pipeline, batches, delivered, directory)
        packages = pipeline.list_normalized_load_packages()
        load_id = packages[0] if packages else f"{time.time():.7f}"  # every day is empty
        with closing(warehouse.connect()) as db:
            migrate(db)
            remove_dead_loads(db)
            check(db)
            days = sorted(set().union(*(received.days for received in delivered.values())))
            begin_load(db, load_id, source, days[0], days[-1])
            on_step("copying to Postgres")
            if packages:
                with exclusively(db):  # dlt's `create table if not exists` fails when two meet
                    _sync_schema(pipeline)
                _load(pipeline)
            on_step("completing the load")
            # Counting what has landed and analyzing it both read the rows: at once, on two cores.
            with ThreadPoolExecutor(1) as beside:
                tidied = beside.submit(_tidy, warehouse, delivered)
                complete(db, load_id, source, delivered)
                tidied.result()
    return load_id


def _tidy(warehouse: Warehouse, delivered: dict[str, Delivered]) -> None:
    with closing(warehouse.connect()) as db:
        for table, received in delivered.items():
            if received.total:
                tidy(db, table)


def _pipeline(warehouse: Warehouse, directory: Path) -> dlt.Pipeline:
    for name, value in _DLT_SETTINGS.items():
        os.environ.setdefault(name, value)
    import dlt  # 0.7 s, and only ingestion pays it

    return dlt.pipeline(
        "fact_events",
        destination=dlt.destinations.postgres(credentials=warehouse.url()),
        dataset_name="raw",
        pipelines_dir=str(directory),
    )


def _extract(
    pipeline: dlt.Pipeline,
    batches: dict[str, Batches],
    delivered: dict[str, Delivered],
    directory: Path,
) -> None:
    """Read the source to its end into Parquet files, counting what comes."""
    import dlt
    from dlt.pipeline.exceptions import PipelineStepFailed

    resources = [
        dlt.resource(
            copy_files(_counted(rows, table, delivered[table]), directory / table),
            name=table,
            write_disposition="append",
        )
        for table, rows in batches.items()
    ]
    try:
        pipeline.extract(resources, loader_file_format="parquet")
        pipeline.normalize()
    except PipelineStepFailed as error:
        raise _root(error) from error


def _sync_schema(pipeline: dlt.Pipeline) -> None:
    """Create dlt's own tables. `load` then finds its schema's version and creates nothing."""
    from dlt.common.destination.exceptions import DestinationException

    try:
        pipeline.sync_schema()
    except DestinationException as error:
        raise _load_failed(error) from error


def _load(pipeline: dlt.Pipeline) -> None:
    from dlt.pipeline.exceptions import PipelineStepFailed

    try:
        pipeline.load()
    except PipelineStepFailed as error:
        raise _load_failed(error.__cause__ or error) from error


def _load_failed(error: BaseException) -> Unavailable:
    reason = " ".join(str(error).split())[:500]
    return Unavailable(f"the load into Postgres failed, nothing has changed: {reason}")


def _counted(batches: Batches, table: str, delivered: Delivered) -> Iterator[pa.Table]:
    """The batches cast to the landing schema, counted by ingest day, event day and region."""
    schema = SCHEMAS[table]
    keys = ["ingest_date", *(["event_date", "region"] if table == "events" else [])]
    for batch in batches:
        if batch.num_rows == 0:
            continue
        rows = pa.Table.from_batches([batch]).cast(schema)
        counts = rows.group_by(keys).aggregate([([], "count_all")]).to_pylist()
        if table == "events":
            delivered.rejected.update(_rejected(rows))
        for row in counts:
            delivered.add(
                row["ingest_date"], row.get("event_date"), row.get("region"), row["count_all"]
            )
        yield rows


def _rejected(rows: pa.Table) -> dict[str, int]:
    """Records that will be quarantined, by reason."""
    found: dict[str, int] = {}
    left = rows
    for column in ("parse_error", *REQUIRED):
        values = left[column]
        if column == "parse_error" and values.null_count < len(left):
            counts = pc.value_counts(pc.drop_null(values)).to_pylist()
            found |= {row["values"]: row["counts"] for row in counts}
            left = left.filter(pc.is_null(values))
        elif column != "parse_error" and values.null_count:
            found[f"missing_{column}"] = values.null_count
            left = left.filter(pc.is_valid(values))
    return found


def _root(error: BaseException) -> BaseException:
    """The error of ours, or the Ctrl-C, that dlt wrapped, else the wrapper."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, UserError | KeyboardInterrupt):
            return seen
        seen = seen.__cause__ or seen.__context__
    return error
