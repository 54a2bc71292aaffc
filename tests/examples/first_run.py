"""The logical date that a DAG's schedule gives its first run from a day on: DAG_ID DAY."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

from airflow.dag_processing.dagbag import BundleDagBag
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import TimeRestriction


def main(dag_id: str, day: str) -> None:
    folder = os.environ["AIRFLOW__CORE__DAGS_FOLDER"]
    bag = BundleDagBag(folder, bundle_path=folder, bundle_name="dags-folder")
    dag = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(bag.dags[dag_id]))
    found = dag.timetable.next_dagrun_info(
        last_automated_data_interval=None,
        restriction=TimeRestriction(datetime.fromisoformat(day).replace(tzinfo=UTC), None, True),
    )
    print(f"{found.run_after:%Y-%m-%d %H:%M} {found.logical_date:%Y-%m-%d}")


main(*sys.argv[1:])
