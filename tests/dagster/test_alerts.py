"""Alerts, from a failed run to a mail in a real SMTP server and a body at a real HTTP server."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from alerts.send import Alert, alert, announce
from core.warehouse.relation import read
from orchestration.alerting import alerts, announce_facts, failing_runs, failures_in_a_row
from orchestration.automation import FACTS
from orchestration.resources import Warehouse
from tests.helpers.receivers import Hook, Mailbox, mail_server, url, web_server

MESSAGE = Alert("it failed", "owner@example.com", "run-1", "3 rows", {"no_nulls": "select 1"})


@pytest.fixture
def mailbox(monkeypatch) -> Iterator[Mailbox]:
    with mail_server() as (mailbox, smtp_url):
        monkeypatch.setenv("SMTP_URL", smtp_url)
        yield mailbox


@pytest.fixture
def hook() -> Iterator[Hook]:
    with web_server() as server:
        yield server


def test_both_channels_say_owner_link_reason_and_rows(mailbox, hook, monkeypatch):
    monkeypatch.setenv("ALERT_EMAIL", "on-call@example.com")
    monkeypatch.setenv("ALERT_WEBHOOK_URL", url(hook))
    monkeypatch.setenv("DAGSTER_URL", "https://dagster.example.com/")
    assert alert(MESSAGE) == []
    [mail], [body] = mailbox.mails, hook.bodies
    assert mail.startswith("on-call@example.com\nit failed\n")
    for text in (mail, body["text"]):
        assert "Owner: owner@example.com" in text
        assert "https://dagster.example.com/runs/run-1" in text
        assert "3 rows" in text
        assert "no_nulls:\nselect 1" in text


def test_one_dead_channel_does_not_stop_the_other_and_leaks_nothing(mailbox, hook, monkeypatch):
    hook.status = 500
    env = {"ALERT_EMAIL": "a@example.com", "ALERT_WEBHOOK_URL": url(hook)}
    monkeypatch.setattr("os.environ", {})
    failed = alert(MESSAGE, env | {"SMTP_URL": "smtp://user:hunter2@127.0.0.1:1"})
    assert [line.split(":")[0] for line in failed] == ["ALERT_EMAIL", "ALERT_WEBHOOK_URL"]
    assert "secret" not in "".join(failed)
    assert "hunter2" not in "".join(failed)
    assert len(hook.bodies) == 1
    assert alert(MESSAGE, {"ALERT_EMAIL": "a@example.com"}) == [
        "ALERT_EMAIL: not sent (ValueError)"
    ]
    assert alert(MESSAGE, {}) == announce("facts", ["2026-01-01"], "run-1", {}) == []


@dg.op
def breaks(context: dg.OpExecutionContext) -> None:
    for name, passed, rows in (("no_null_user_ids", False, "broken"), ("others", True, "sound")):
        context.log_event(
            dg.AssetCheckEvaluation(
                asset_key=FACTS,
                check_name=name,
                passed=passed,
                metadata={"query": dg.MetadataValue.md(f"select * from {rows}")},
            )
        )
    raise dg.Failure("3 facts without a user", allow_retries=False)


@dg.op
def builds(context: dg.OpExecutionContext) -> None:
    for day in ("2026-03-01", "2026-03-02"):
        context.log_event(dg.AssetMaterialization(FACTS, partition=day))
    context.log_event(dg.AssetMaterialization("other", partition="2026-03-03"))


@dg.op
def builds_others(context: dg.OpExecutionContext) -> None:
    context.log_event(dg.AssetMaterialization("other", partition="2026-03-03"))


@dg.job
def pipeline() -> None:
    breaks()


@dg.job(name="pipeline")
def repaired() -> None:
    builds()


@dg.job
def others() -> None:
    builds_others()


def of_type(result: dg.ExecuteInProcessResult, kind: str) -> dg.DagsterEvent:
    [found] = [event for event in result.all_events if event.event_type_value == kind]
    return found


def fail(instance: dg.DagsterInstance) -> None:
    pipeline.execute_in_process(instance=instance, raise_on_error=False)


def look(instance: dg.DagsterInstance, warehouse) -> None:
    """A tick of the sensor."""
    resource = Warehouse(
        warehouse.host, f"{warehouse.port}", warehouse.user, warehouse.database, warehouse.password
    )
    context = dg.build_sensor_context(instance=instance, resources={"warehouse": resource})
    alerts(context)


def succeed(instance: dg.DagsterInstance, job: dg.JobDefinition = repaired) -> None:
    result = job.execute_in_process(instance=instance)
    context = dg.build_run_status_sensor_context(
        sensor_name="announce_facts",
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        dagster_event=of_type(result, "PIPELINE_SUCCESS"),
    )
    announce_facts(context)


def test_jobs_hear_of_success(hook, monkeypatch):
    monkeypatch.setenv("SUCCESS_WEBHOOK_URL", url(hook))
    with dg.DagsterInstance.ephemeral() as instance:
        succeed(instance, others)  # nothing of fact_events: nobody is told
        assert hook.bodies == []
        succeed(instance)
    [ready] = hook.bodies
    assert (ready["asset"], ready["days"]) == (
        "analytics/fact_events",
        ["2026-03-01", "2026-03-02"],
    )


def test_people_hear_of_the_first_failure_once_and_of_recovery_once(warehouse, hook, monkeypatch):
    monkeypatch.setenv("ALERT_WEBHOOK_URL", url(hook))
    with dg.DagsterInstance.ephemeral() as instance:
        look(instance, warehouse)
        assert hook.bodies == []
        for _ in range(3):  # a run failed, another, and ticks without news
            fail(instance)
            look(instance, warehouse)
            look(instance, warehouse)
        [body] = hook.bodies
        assert "1 in a row failed" in body["text"]
        assert "3 facts without a user" in body["text"]
        assert "select * from broken" in body["text"]
        assert "sound" not in body["text"], "of checks that passed there is nothing to see"
        assert "/runs/" in body["text"]
        assert "docs/runbook.md#failed-run" in body["text"]
        succeed(instance)
        look(instance, warehouse)
        look(instance, warehouse)
    assert [each["text"].splitlines()[0] for each in hook.bodies] == [
        "fact-events: wrong: failed-run of pipeline",
        "fact-events: recovered: failed-run of pipeline",
    ]
    assert read(warehouse, "raw.alerts") == []


def test_the_third_failure_where_that_is_set_and_none_of_long_ago(monkeypatch):
    monkeypatch.setenv("ALERT_AFTER_FAILURES", "3")
    now = datetime.now(UTC)
    with dg.DagsterInstance.ephemeral() as instance:
        counts = []
        for _ in range(4):
            fail(instance)
            counts.append(len(failing_runs(instance, now)[0]))
        assert counts == [0, 0, 1, 1]
        assert failing_runs(instance, now + timedelta(days=3)) == ([], set())


def test_a_heartbeat_is_heard_while_nothing_is_wrong(warehouse, hook, monkeypatch):
    monkeypatch.setenv("HEARTBEAT_URL", url(hook))
    with dg.DagsterInstance.ephemeral() as instance:
        look(instance, warehouse)
        assert hook.asked == ["/services/T0/secret"]
        fail(instance)
        look(instance, warehouse)
    assert len(hook.asked) == 1


@dg.asset
def broken() -> None:
    raise dg.Failure(allow_retries=False)


@dg.asset
def sound() -> None:
    pass


def test_runs_of_other_assets_of_the_same_job_are_not_counted():
    defs = dg.Definitions(assets=[broken, sound], jobs=[dg.define_asset_job("days")])
    job = defs.resolve_job_def("days")
    with dg.DagsterInstance.ephemeral() as instance:

        def run(*assets: str) -> int:
            result = job.execute_in_process(
                instance=instance,
                asset_selection=[dg.AssetKey(asset) for asset in assets],
                raise_on_error=False,
            )
            return failures_in_a_row(instance, result.dagster_run)

        assert run("broken") == 1
        assert run("sound") == 0
        assert run("broken") == 2
        assert run("broken", "sound") == 1
