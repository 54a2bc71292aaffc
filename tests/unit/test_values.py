"""Each kind of setting: what it takes, and the one line with which it refuses the rest."""

from datetime import date

import pytest

from alerts.settings import ALERT_AFTER_FAILURES, UI_PORT, AlertSettings
from commands.settings import KEEP_DAYS
from core.errors import UserError
from core.settings import ROOT, read_settings
from ingestion.settings import DEMO_API_PORT, IngestSettings, ReplaySettings
from orchestration.dbt.cells import OTHER
from orchestration.settings import OrchestrationSettings
from tests.helpers.processes import run
from transform.settings import TransformSettings


@pytest.mark.parametrize(
    ("setting", "text", "value"),
    [
        (KEEP_DAYS, "1", 1),
        (KEEP_DAYS, "007", 7),
        (ALERT_AFTER_FAILURES, "", 1),
        (UI_PORT, "65535", 65_535),
        (DEMO_API_PORT, "0", 0),
    ],
)
def test_a_number(setting, text, value):
    assert setting.read({setting.name: text}) == value


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "²", "x", "9" * 5_000, " 1"])
def test_no_number(text):
    with pytest.raises(UserError) as error:
        KEEP_DAYS.read({"KEEP_DAYS": text})
    assert str(error.value) == f"KEEP_DAYS={text!r} is not a number of days: give 1 or more"


@pytest.mark.parametrize("text", ["0", "65536", "http", "-1"])
def test_no_port(text):
    with pytest.raises(UserError) as error:
        UI_PORT.read({"UI_PORT": text})
    assert str(error.value) == f"UI_PORT={text!r} is not a port, 1 to 65535"


@pytest.mark.parametrize(
    ("settings", "given", "message"),
    [
        (
            OrchestrationSettings,
            {"PARTITIONS_START": "foo"},
            "PARTITIONS_START='foo' is not a day: write it as YYYY-MM-DD",
        ),
        (
            OrchestrationSettings,
            {"REGIONS": "eu,,us"},
            "REGIONS='eu,,us': a word is empty or there twice",
        ),
        (
            OrchestrationSettings,
            {"REGIONS": "eu, eu"},
            "REGIONS='eu, eu': a word is empty or there twice",
        ),
        (
            TransformSettings,
            {"DBT_WRITE_JSON": "yes"},
            "DBT_WRITE_JSON='yes' is neither true nor false",
        ),
        (ReplaySettings, {"REASON": "rain"}, "REASON='rain' is unknown: use one of oversized_"),
        (
            AlertSettings,
            {"UI_PORT": "x", "SMTP_URL": "smtp://a"},
            "UI_PORT='x' is not a port, 1 to 65535",
        ),
        (
            OrchestrationSettings,
            {"PARTITIONS_START": "2999-01-01"},
            "PARTITIONS_START='2999-01-01' is in the future",
        ),
        (OrchestrationSettings, {"REGIONS": f"eu, {OTHER}"}, "REGIONS='eu, other': 'other' is the"),
        (OrchestrationSettings, {"REGIONS": "eu,a|b"}, "REGIONS='eu,a|b': 'a|b' is no name"),
        (OrchestrationSettings, {"REGIONS": "eu...us"}, "REGIONS='eu...us': 'eu...us' is no name"),
        (AlertSettings, {"OWNER": "me"}, "OWNER='me' is not an address, or team:name"),
        (AlertSettings, {"OWNER": "team:"}, "OWNER='team:' is not an address, or team:"),
        (OrchestrationSettings, {"STORAGE_URL": "s4://b/x"}, "STORAGE_URL='s4://b/x' is not a "),
        (OrchestrationSettings, {"STORAGE_URL": "s3://"}, "STORAGE_URL='s3://' is not a path"),
        (AlertSettings, {"DAGSTER_URL": "ui.example.com"}, "DAGSTER_URL='ui.example.com' is not"),
        (AlertSettings, {"DAGSTER_URL": "http://ui:x"}, "DAGSTER_URL='http://ui:x' is not a URL"),
        (AlertSettings, {"ALERT_EMAIL": "a@x.org,b"}, "ALERT_EMAIL='a@x.org,b': 'b' is no mail"),
        (AlertSettings, {"SMTP_URL": "ftp://hunter2@x"}, "SMTP_URL='ftp://…' is not a URL,"),
        (AlertSettings, {"SMTP_URL": "hunter2"}, "SMTP_URL='…' is not a URL, smtp:// or "),
        (AlertSettings, {"ALERT_WEBHOOK_URL": "hooks/hunter2"}, "ALERT_WEBHOOK_URL='…' is not"),
    ],
)
def test_one_line_names_the_setting_and_the_value(settings, given, message):
    with pytest.raises(UserError) as error:
        read_settings(settings, given)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
    assert "hunter2" not in str(error.value)


def test_places_and_owners_that_are_right():
    given = {"OWNER": "team:data", "STORAGE_URL": "s3://bucket/x", "REGIONS": " eu , us "}
    settings = read_settings(OrchestrationSettings, given)
    assert settings.storage_url == "s3://bucket/x"
    assert read_settings(AlertSettings, given).owner == "team:data"
    assert settings.regions == ("eu", "us")
    mail = {"ALERT_EMAIL": "a@x.org ,root@localhost", "SMTP_URL": "smtps://u:p%2F@x:465"}
    assert read_settings(AlertSettings, mail).email == "a@x.org, root@localhost"


@pytest.mark.parametrize("module", ["ui", "backfill", "dagster_command"])
@pytest.mark.parametrize(
    ("name", "text"),
    [("OWNER", "nobody"), ("REGIONS", "eu,other"), ("SMTP_URL", "x"), ("STORAGE_URL", "b2://x")],
)
def test_a_command_of_dagster_ends_in_one_line_at_once(module, name, text, tmp_path):
    given = {name: text, "LOCAL_DIR": str(tmp_path), "FROM": "2026-01-01"}
    arguments = ["asset", "list"] if module == "dagster_command" else []
    done = run(f"orchestration.{module}", *arguments, **given)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {name}=")
    assert done.stderr.count("\n") == 1
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("text", ["-0.1", "1.01", "nan", "half"])
def test_no_share(text, monkeypatch):
    env = {"EVENTS_URL": "/x/%Y-%m-%d.csv", "MAX_QUARANTINED": text}
    monkeypatch.setenv("FROM", "2026-01-01")
    with pytest.raises(UserError) as error:
        IngestSettings.from_env(env=env)
    assert str(error.value) == f"MAX_QUARANTINED={text!r} is not a share: give a number from 0 to 1"


def test_what_is_given_and_what_is_not():
    settings = read_settings(
        OrchestrationSettings, {"REGIONS": "eu, us", "PARTITIONS_START": "2026-01-02"}
    )
    assert settings.regions == ("eu", "us")
    assert settings.partitions_start == date(2026, 1, 2)
    assert read_settings(AlertSettings, {"OWNER": ""}).owner == "data-engineering@example.com"
    assert OrchestrationSettings().regions == ("us-east", "eu-west", "ap-south")
    assert read_settings(ReplaySettings, {}).mapping == ""


def test_directories_are_relative_to_the_project_and_to_dbt():
    def target(text: str) -> str:
        return str(read_settings(TransformSettings, {"DBT_TARGET_PATH": text}).target_path)

    assert target("") == str(ROOT / "dbt" / "target")
    assert target("other") == str(ROOT / "dbt" / "other")
    assert target("/tmp/target") == "/tmp/target"  # noqa: S108 - nothing is written there


def test_every_setting_of_an_ingestion_is_of_the_environment_that_is_given(monkeypatch):
    monkeypatch.setenv("API_CONCURRENCY", "9")
    monkeypatch.setenv("FROM", "2026-01-01")
    env = {"EVENTS_URL": "http://x", "EVENTS_API_TOKEN": "t"}
    assert IngestSettings.from_env(env=env).api_concurrency == 4
    assert IngestSettings.from_env(env=env | {"API_CONCURRENCY": "64"}).api_concurrency == 64


def test_no_secret_is_shown():
    env = {"SMTP_URL": "smtp://u:hunter2@x", "ALERT_WEBHOOK_URL": "https://hooks/hunter2"}
    settings = read_settings(AlertSettings, env)
    assert settings.smtp_url == env["SMTP_URL"]
    assert "hunter2" not in repr(settings)
