"""Alerts, from a failed run to a mail in a real SMTP server and a body at a real HTTP server."""

import json
import socket
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import dagster as dg
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from alerts.send import Alert, alert, announce
from orchestration.alerting import alert_on_failure, announce_facts, failures_in_a_row
from orchestration.automation import FACTS
from tests.helpers.servers import serving

MESSAGE = Alert("it failed", "owner@example.com", "run-1", "3 rows", {"no_nulls": "select 1"})


class Mailbox(Message):
    def __init__(self) -> None:
        super().__init__()
        self.mails: list[str] = []

    def handle_message(self, message) -> None:
        mail = message_from_bytes(message.as_bytes(), policy=default)
        self.mails.append(f"{mail['To']}\n{mail['Subject']}\n{mail.get_content()}")


@pytest.fixture
def mailbox(monkeypatch) -> Iterator[Mailbox]:
    mailbox = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{port}")
    yield mailbox
    controller.stop()


class Hook(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        self.bodies: list[dict] = []
        self.status = 200
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append(json.loads(body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[Hook]:
    server = Hook()
    with serving(server):
        yield server


def url(hook: Hook) -> str:
    return f"http://127.0.0.1:{hook.server_address[1]}/services/T0/secret"


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
    result = pipeline.execute_in_process(instance=instance, raise_on_error=False)
    context = dg.build_run_status_sensor_context(
        sensor_name="alert_on_failure",
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        dagster_event=of_type(result, "PIPELINE_FAILURE"),
    ).for_run_failure()
    alert_on_failure(context)


def succeed(instance: dg.DagsterInstance, job: dg.JobDefinition = repaired) -> None:
    result = job.execute_in_process(instance=instance)
    context = dg.build_run_status_sensor_context(
        sensor_name="announce_facts",
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        dagster_event=of_type(result, "PIPELINE_SUCCESS"),
    )
    announce_facts(context)


def test_people_hear_of_the_third_failure_in_a_row_and_jobs_of_success(hook, monkeypatch):
    monkeypatch.setenv("ALERT_AFTER_FAILURES", "3")
    monkeypatch.setenv("ALERT_WEBHOOK_URL", url(hook))
    monkeypatch.setenv("SUCCESS_WEBHOOK_URL", url(hook))
    with dg.DagsterInstance.ephemeral() as instance:
        fail(instance)
        fail(instance)
        assert hook.bodies == []
        succeed(instance, others)  # nothing of fact_events: nobody is told
        assert hook.bodies == []
        succeed(instance)  # the row begins anew
        [ready] = hook.bodies
        assert (ready["asset"], ready["days"]) == (
            "analytics/fact_events",
            ["2026-03-01", "2026-03-02"],
        )
        fail(instance)
        fail(instance)
        assert len(hook.bodies) == 1
        fail(instance)
        fail(instance)  # and not at every one after it
        [_, body] = hook.bodies
    assert "3 in a row" in body["text"]
    assert "3 facts without a user" in body["text"]
    assert "select * from broken" in body["text"]
    assert "sound" not in body["text"], "of checks that passed there is nothing to see"
    assert "/runs/" in body["text"]


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
