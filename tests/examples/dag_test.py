"""Runs DAGs by `dag.test()`, in Airflow's own environment: DAG_ID DAY [DAY ...]; the variable CONF.

Each run's state and those of its tasks go to standard output as a line of JSON; everything else,
what the tasks print too, to standard error.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime

from airflow.dag_processing.dagbag import BundleDagBag
from airflow.models.taskinstance import TaskInstance


def named(each: TaskInstance) -> str:
    return each.task_id if each.map_index < 0 else f"{each.task_id}[{each.map_index}]"


def main(dag_id: str, *days: str) -> None:
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    folder = os.environ["AIRFLOW__CORE__DAGS_FOLDER"]
    bag = BundleDagBag(folder, bundle_path=folder, bundle_name="dags-folder")
    assert not bag.import_errors, bag.import_errors
    for day in days:
        run = bag.dags[dag_id].test(
            logical_date=datetime.fromisoformat(day).replace(hour=3, tzinfo=UTC),
            run_conf=json.loads(os.environ.get("CONF", "{}")),
        )
        tasks = {named(each): [each.state, each.try_number] for each in run.get_task_instances()}
        print(json.dumps({"state": run.state, "tasks": tasks}), file=answer, flush=True)


main(*sys.argv[1:])
