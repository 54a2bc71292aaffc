"""What one would write without this project: pandas, day by day, `to_sql(append)`; dlt's tutorial.

The first loses late rows (appended to the day that delivered them), doubles a day that is run
again, and enriches with the newest profile. They are here to be measured, not to be used.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import dlt
import pandas as pd
from sqlalchemy import Engine, create_engine

from core.warehouse.connection import Warehouse


def engine(warehouse: Warehouse) -> Engine:
    """SQLAlchemy's engine for a warehouse."""
    return create_engine(warehouse.url().replace("postgresql://", "postgresql+psycopg2://"))


def land(db: Engine, path: Path, day: date) -> None:
    """Read a day's file and append it to the raw table."""
    events = pd.read_json(path, lines=True)
    events["properties"] = events["properties"].map(str)
    events["ingest_date"] = day
    events.to_sql(
        "naive_events", db, if_exists="append", index=False, method="multi", chunksize=5000
    )


def build(db: Engine, profiles: pd.DataFrame, day: date) -> None:
    """Read a day back, drop duplicates, join the profiles, and append to the fact table."""
    events = pd.read_sql(
        "select * from naive_events where ingest_date = %(day)s", db, params={"day": day}
    )
    events = events.drop_duplicates(["user_id", "event_id"], keep="last")
    facts = events.merge(profiles[["user_id", "tier"]], on="user_id", how="left")
    facts.to_sql("naive_facts", db, if_exists="append", index=False, method="multi", chunksize=5000)


def dlt_default(warehouse: Warehouse, path: Path) -> None:
    """dlt as its tutorial has it, with its own defaults: dictionaries, into a dataset `other`."""

    @dlt.resource(name="events")
    def lines() -> Iterator[dict[str, object]]:
        with path.open() as file:
            for line in file:
                yield json.loads(line)

    environment = dict(os.environ)
    for name in environment:
        if name.startswith(("DATA_", "NORMALIZE")):  # ours, from an ingest in this process
            del os.environ[name]
    with TemporaryDirectory() as folder:
        dlt.pipeline(
            "default",
            destination=dlt.destinations.postgres(credentials=warehouse.url()),
            dataset_name="other",
            pipelines_dir=folder,
        ).run(lines())
    os.environ.update(environment)
