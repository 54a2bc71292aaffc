"""Spooled rows into Postgres with dlt: binary COPY of Parquet files through ADBC.

Every load has a working directory of its own. dlt would otherwise pick up what a killed run left
behind and ignore the new data, and concurrent runs would take each other's packages.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from core.errors import Unavailable
from core.warehouse.connection import Warehouse
from core.warehouse.locks import exclusively
from core.warehouse.owner import as_owner
from ingestion.land.loads import begin_load, remove_dead_loads, tidy
from ingestion.land.spool import COPIES, SpooledFile

if TYPE_CHECKING:
    import dlt
    from dlt.destinations.impl.postgres.configuration import PostgresCredentials

_DLT_SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    # What fails is raised, and said once: dlt's log has the row that Postgres refused.
    "RUNTIME__LOG_LEVEL": "CRITICAL",
    # Its own state would be one more table to load; our ledger knows what came.
    "RESTORE_FROM_DESTINATION": "false",
    "LOAD__WORKERS": str(COPIES),
    # A job that fails, fails the load: a load is complete or invisible.
    "LOAD__RAISE_ON_FAILED_JOBS": "true",
    # At once: who runs it again, runs it whole. dlt would try five times, a second apart.
    "LOAD__RAISE_ON_MAX_RETRIES": "1",
}


@dataclass(frozen=True)
class Load:
    """What is to land, read to its end.

    `load_id`: the rows' own. `source`: the mapping's name. `days`: UTC days on which its rows were
    delivered. `files`: by table, the rows. `directory`: where dlt may work, empty.
    """

    load_id: str
    source: str
    days: set[date]
    files: dict[str, list[SpooledFile]]
    directory: Path


def land(
    db: Connection,
    warehouse: Warehouse,
    load: Load,
    on_step: Callable[[str], None],
    complete: Callable[[], None],
) -> None:
    """Copy a load's rows to Postgres, and make them count.

    Nothing of the load is visible before the last step, which is one transaction.

    Args:
        db: a connection to the warehouse, whose schema is of this version.
        warehouse: where to.
        load: the rows.
        on_step: told the step that begins, for the progress display.
        complete: makes the load live, in one transaction.

    Raises:
        UserError: the warehouse failed; it is as it was.
    """
    remove_dead_loads(db)
    begin_load(db, load.load_id, load.source, min(load.days), max(load.days))
    filled = [table for table, files in load.files.items() if files]
    if filled:
        on_step("copying to Postgres")
        _copy(db, warehouse, load)
    on_step("completing the load")
    # Counting what has landed and analyzing it both read the rows: at once, on two cores.
    with ThreadPoolExecutor(1) as beside:
        tidied = beside.submit(_tidy, warehouse, filled)
        complete()
        tidied.result()


def _tidy(warehouse: Warehouse, tables: list[str]) -> None:
    with closing(warehouse.connect()) as db:
        for table in tables:
            tidy(db, table)


def _copy(db: Connection, warehouse: Warehouse, load: Load) -> None:
    """The rows into the landing tables, under the load's own id.

    dlt calls its package after the moment at which it makes it. The rows were written before that,
    so its note of the load, `raw._dlt_loads`, gets their name.
    """
    for name, value in _DLT_SETTINGS.items():
        os.environ.setdefault(name, value)
    import dlt  # 0.3 s, and only who has something to land pays it
    from dlt.common.destination.exceptions import DestinationException
    from dlt.pipeline.exceptions import PipelineStepFailed

    pipeline = dlt.pipeline(
        "fact_events",
        destination=dlt.destinations.postgres(credentials=_credentials(as_owner(warehouse, "raw"))),
        dataset_name="raw",
        pipelines_dir=str(load.directory),
    )
    try:
        pipeline.extract(_resources(load.files), loader_file_format="parquet")
        pipeline.normalize()
        [package] = pipeline.list_normalized_load_packages()
        with exclusively(db):  # dlt's `create table if not exists` fails when two meet
            # Creates dlt's own tables. `load` then finds its schema's version and creates nothing.
            pipeline.sync_schema()
            _tell_rows_apart(db, "_dlt_loads")
        pipeline.load()
    except PipelineStepFailed as error:
        raise _load_failed(error.__cause__ or error) from error
    except DestinationException as error:
        raise _load_failed(error) from error
    with db.cursor() as cursor:
        cursor.execute(
            "update raw._dlt_loads set load_id = %s where load_id = %s", (load.load_id, package)
        )


def _tell_rows_apart(db: Connection, table: str) -> None:
    """Let a table of dlt's be updated where all tables are published: migration 12 says why."""
    with db.cursor() as cursor:
        cursor.execute(
            "select relreplident from pg_class where oid = %s::regclass", (f"raw.{table}",)
        )
        if cursor.fetchall() == [("d",)]:
            name = sql.Identifier("raw", table)
            cursor.execute(sql.SQL("alter table {} replica identity full").format(name))


def _credentials(warehouse: Warehouse) -> PostgresCredentials:
    """The URL as it is. dlt would write it anew, with the spaces of a password or a role as they
    are, which libpq refuses, and others as "+", which it takes for a plus."""
    from dlt.common.configuration import configspec
    from dlt.destinations.impl.postgres.configuration import PostgresCredentials

    @configspec(init=False)
    class AsItIs(PostgresCredentials):
        def to_native_representation(self) -> str:
            return warehouse.url()

    credentials = AsItIs(warehouse.url())
    credentials.resolve()  # else dlt makes one of its own class of it
    return credentials


def _resources(files: dict[str, list[SpooledFile]]) -> list[dlt.sources.DltResource]:
    """The files as dlt takes them over: as they are."""
    import dlt

    def imported(spooled: list[SpooledFile]) -> Iterator[object]:
        for file in spooled:
            schema = file.schema.empty_table()
            yield dlt.mark.with_file_import(str(file.path), "parquet", file.rows, schema)

    return [
        dlt.resource(imported(spooled), name=table, write_disposition="append")
        for table, spooled in files.items()
    ]


def _load_failed(error: BaseException) -> Unavailable:
    """What Postgres, or else dlt, says: without the row."""
    from dlt.load.exceptions import LoadClientJobException

    if isinstance(error, LoadClientJobException):
        error = error.client_exception
    reason = " ".join(str(error).split()).partition(" DETAIL: ")[0]
    return Unavailable(f"the load into Postgres failed, nothing has changed: {reason[:500]}")
