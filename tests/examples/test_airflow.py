"""examples/airflow by `dag.test()`: both DAGs end in the rows that plain make ends in."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from core.days import DayRange
from tests.examples.airflow_home import LONG, Airflow, connection, mail_to
from tests.examples.scenario import Outcome, play
from tests.helpers.receivers import Mailbox, mail_server

pytestmark = pytest.mark.timeout(LONG)


@pytest.fixture
def airflow(warehouse, airflow_home: Path) -> Airflow:
    return Airflow(airflow_home, connection(warehouse))


def days(first: str, last: str) -> list[str]:
    found = DayRange.inclusive(date.fromisoformat(first), date.fromisoformat(last))
    return [f"{day}" for day in found]


def states(run: dict[str, Any]) -> set[str]:
    return {state for state, _ in run["tasks"].values()}


def test_the_classic_dag_ends_with_the_rows_of_make(
    airflow: Airflow, warehouse, around, made_by_make: Outcome
):
    """A run a day. Who failed in the outage was told by mail, and is tried again."""
    tried: list[int] = []

    def by_classic(source: str, first: str, last: str) -> None:
        runs = airflow.test("classic_events", *days(first, last), SOURCE_NAME=source)
        assert [states(run) for run in runs] == [{"success"}] * len(runs)
        tried.extend(run["tasks"]["day.extract"][1] for run in runs)

    with mail_server() as (mailbox, url):
        airflow.settings.update(mail_to(url))
        assert play(by_classic, warehouse, around) == made_by_make
    assert sorted(tried) == [1] * 15 + [2]
    assert sum(" loaded" in mail for mail in mailbox.mails) == 16


def test_the_modern_dag_ends_with_the_rows_of_make(
    airflow: Airflow, warehouse, around, made_by_make: Outcome
):
    """A run a range; late rows are built though nobody names their days."""

    def by_modern(source: str, first: str, last: str) -> None:
        conf = json.dumps({"from": first, "to": last})
        [run] = airflow.test("modern_events", first, SOURCE_NAME=source, CONF=conf)
        assert states(run) == {"success"}
        ingested = [name for name in run["tasks"] if name.startswith("ingest")]
        assert len(ingested) == len(days(first, last))

    assert play(by_modern, warehouse, around) == made_by_make
    [run] = airflow.test("purchase_propensity", "2026-03-08")
    assert states(run) == {"success"}


def test_a_task_that_fails_for_good_is_told_by_mail(airflow: Airflow, warehouse, around):
    with mail_server() as (mailbox, url):
        airflow.settings.update(mail_to(url))
        [run] = airflow.test("classic_events", "2026-03-02", SOURCE_NAME="nowhere")
    assert run["tasks"]["day.extract"] == ["failed", 4]
    assert run["state"] == "failed"
    assert_told(mailbox)


def assert_told(mailbox: Mailbox) -> None:
    [mail] = mailbox.mails
    assert mail.startswith("data-engineering@example.com\nday.extract of 2026-03-02 failed\n")
