"""The same job with what Airflow 3 has: assets, mapped tasks, dbt's tables as tasks of Cosmos.

No task of dbt is told a day: each table builds the days of which raw has other rows than it was
built from, by the ledger. So a range, a late row of last year and an edited file are the same run.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import Asset, BaseOperator, CronDataIntervalTimetable, Param, dag, task
from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import DbtResourceType, LoadMode, TestBehavior
from cosmos.operators.local import DbtBuildLocalOperator
from fact_events_core import HOME, LIBPQ, RETRY_SECONDS, run

FACTS = Asset("fact_events", uri="postgres://warehouse/fact_events/analytics/fact_events")


def as_task(node, task_id, task_args, dag, task_group, **_) -> BaseOperator:
    """A table and its tests are built; a view, which `prepare` has made, stands for itself."""
    if node.config["materialized"] == "stable_view":
        return EmptyOperator(task_id=task_id, dag=dag, task_group=task_group)
    place = {"task_id": task_id, "dag": dag, "task_group": task_group}
    return DbtBuildLocalOperator(select=node.name, **place, **task_args)


DBT = {
    # Two environments: Airflow's has no dbt. `make dbt ARGS=parse` writes the manifest.
    "project_config": ProjectConfig(HOME / "dbt", manifest_path=HOME / "dbt/target/manifest.json"),
    "profile_config": ProfileConfig(
        "fact_events", "default", profiles_yml_filepath=HOME / "profiles/profiles.yml"
    ),
    "execution_config": ExecutionConfig(dbt_executable_path=HOME / "examples/airflow/dbt.sh"),
    "render_config": RenderConfig(
        load_method=LoadMode.DBT_MANIFEST,
        test_behavior=TestBehavior.BUILD,
        emit_datasets=False,
        node_converters={DbtResourceType.MODEL: as_task},
    ),
    "operator_args": {"env": LIBPQ, "append_env": True},
}
DAY = {"type": ["null", "string"], "format": "date"}


@dag(
    schedule=CronDataIntervalTimetable("0 3 * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    params={"from": Param(None, **DAY), "to": Param(None, **DAY)},  # one object would be one value
    default_args={"owner": "data-engineering", "retries": 3, "retry_delay": RETRY_SECONDS},
)
def modern_events() -> None:
    """Land the run's day, or those of its parameters; build what is out of date; say so."""

    @task
    def days(params: dict[str, str | None], ds: str) -> list[str]:
        first = date.fromisoformat(params["from"] or ds)
        last = date.fromisoformat(params["to"] or f"{first}")
        return [f"{first + timedelta(each)}" for each in range((last - first).days + 1)]

    @task(max_active_tis_per_dagrun=2)
    def ingest(day: str) -> str:
        return run("ingestion", "ingest", FROM=day, TO=day)

    prepare = task(lambda: run("transform"), task_id="prepare")
    settle = task(lambda: run("transform"), task_id="settle", outlets=[FACTS])
    prepare() >> ingest.expand(day=days()) >> DbtTaskGroup(group_id="dbt", **DBT) >> settle()


@dag(schedule=[FACTS], start_date=datetime(2026, 1, 1, tzinfo=UTC), tags=["ml"])
def purchase_propensity() -> None:
    """Who is likely to buy: trained anew when there are other facts."""
    task(lambda: run("examples.airflow.propensity"), task_id="train")()


modern_events()
purchase_propensity()
