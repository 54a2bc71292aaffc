"""What one would write without this project: pandas, day by day, `to_sql(append)`.

It loses late rows (appended to the day that delivered them), doubles a day that is run again,
and enriches with the newest profile. It is here to be measured, not to be used.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
from sqlalchemy import Engine, create_engine

from ingestion.warehouse import Warehouse


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
