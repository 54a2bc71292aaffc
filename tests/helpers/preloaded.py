"""What the project's commands import first, imported once, in the process that they fork from.

Of ours only what reads no setting while it is imported.
"""

import gc

import dagster  # noqa: F401
import dagster_dbt  # noqa: F401
import dbt.adapters.postgres
import dbt.cli.main
import dbt.task.build  # noqa: F401
import dlt.destinations  # noqa: F401
import duckdb  # noqa: F401

import ingestion.ingest  # noqa: F401

gc.collect()
gc.freeze()  # the children share these pages
