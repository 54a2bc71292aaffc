"""DuckDB as ingestion uses it."""

from __future__ import annotations

import duckdb

MEMORY_LIMIT = "1GB"  # not used up, but a record of 16 MB takes a fifth of it


def session(threads: int = 2) -> duckdb.DuckDBPyConnection:
    """A DuckDB session as these queries need it: times without a zone are UTC, whatever the
    machine's is (a cursor of a connection would not inherit the setting), rows in any order, and
    memory that does not grow with the machine's."""
    db = duckdb.connect(config={"threads": threads, "memory_limit": MEMORY_LIMIT})
    db.execute("set timezone = 'UTC'; set preserve_insertion_order = false")
    return db
