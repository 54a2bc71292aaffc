"""The daily DAG of events as most have it, made right: each task calls the core.

A task can be killed, retried or cleared at any time: the core replaces what a day had, and lands
nothing twice. The timetable is one of data intervals: with a plain cron Airflow 3 gives the moment
of the run as the logical date, so that at 03:00 `ds` is a day of which three hours are there.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.sql.operators.sql import SQLCheckOperator
from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.providers.smtp.operators.smtp import EmailOperator
from airflow.sdk import CronDataIntervalTimetable, dag, task, task_group
from fact_events_core import RETRY_SECONDS, run

REJECTED = """
    select count(*) filter (where reject_reason is not null) <= 0.1 * count(*)
    from raw.events where ingest_date = '{{ ds }}'
"""
ACCOUNTED_FOR = """
    select sum(received) = sum(fact + duplicate + quarantined + retracted + forgotten)
    from analytics.row_accounting where ingest_date = '{{ ds }}'
"""
MAIL = {"from_email": "airflow@example.com", "to": "data-engineering@example.com"}


@dag(
    schedule=CronDataIntervalTimetable("0 3 * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["events", "daily"],
    default_args={
        "owner": "data-engineering",
        "retries": 3,
        "retry_delay": timedelta(seconds=RETRY_SECONDS),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(hours=1),
        "on_failure_callback": SmtpNotifier(**MAIL, subject="{{ ti.task_id }} of {{ ds }} failed"),
    },
)
def classic_events() -> None:
    """Extract → validate → deduplicate → enrich → load → notify, each day at 03:00 UTC."""

    @task
    def extract(ds: str) -> str:
        """Land the day: what was delivered again replaces what it was."""
        return run("ingestion", "ingest", FROM=ds, TO=ds)

    @task
    def deduplicate() -> str:
        """One row per user and event id of a day: a view, whose SQL is kept as the code has it."""
        return run("transform.dbt", "run", "--select", "+int_events_deduplicated")

    @task
    def enrich() -> str:
        """Who each user was at the moment of the event."""
        return run("transform.dbt", "run", "--select", "+int_events_enriched")

    @task
    def load() -> str:
        """Replace the days of which raw has other rows, late ones too, and test them."""
        return run("transform")

    @task_group
    def day() -> None:
        """All of a day, as one box."""
        validate = SQLCheckOperator(task_id="validate", conn_id="warehouse", sql=REJECTED)
        account = SQLCheckOperator(task_id="account", conn_id="warehouse", sql=ACCOUNTED_FOR)
        extract() >> validate >> deduplicate() >> enrich() >> load() >> account

    said = "<pre>{{ ti.xcom_pull('day.extract') }}\n{{ ti.xcom_pull('day.load') }}</pre>"
    notify = EmailOperator(task_id="notify", **MAIL, subject="{{ ds }} loaded", html_content=said)
    day() >> notify


classic_events()
