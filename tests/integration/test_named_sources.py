"""`sources.toml`: each source by its name, with its own mapping and its own calls."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from core.errors import UserError
from core.progress import Progress
from ingestion.ingest import ingest
from ingestion.mapping.mapping import SHIPPED
from ingestion.replay import replay
from ingestion.settings import IngestSettings, ReplaySettings
from tests.helpers.paged_api import Said, paged_api
from tests.helpers.pipeline import deliver, event, query
from tests.helpers.processes import run, start
from tests.helpers.units import D1, D2

CALLS = "select source, day, calls from raw.source_calls order by 1"


@pytest.fixture
def listed(tmp_path):
    """Writes sources.toml."""

    def write(text: str) -> None:
        (tmp_path / "sources.toml").write_text(text)

    return write


def settings(monkeypatch, first=D1, last=D1, **variables) -> IngestSettings:
    for name, value in {"FROM": first, "TO": last, **variables}.items():
        monkeypatch.setenv(name, value)
    return IngestSettings.from_env()


def take(warehouse, monkeypatch, first=D1, last=D1, **variables):
    return ingest(settings(monkeypatch, first, last, **variables), warehouse, Progress())


def two(tmp_path, first="", second="") -> str:
    """Two sources of files, of which the second calls its records otherwise."""
    other = (SHIPPED / "canonical.toml").read_text()
    place = '[events.fields]\nevent_id = "event_id"'
    assert place in other
    (tmp_path / "other.toml").write_text(other.replace(place, '[events.fields]\nevent_id = "id"'))
    return f"""
        [[source]]
        name = "web"
        SOURCE = "files"
        url = "{tmp_path}/web/%Y-%m-%d.jsonl"
        mapping = "canonical"
        schedule = "0 3 * * *"
        owner = "data@example.com"
        {first}

        [[source]]
        name = "app"
        SOURCE = "files"
        url = "{tmp_path}/app/%Y-%m-%d.jsonl"
        mapping = "{tmp_path}/other.toml"
        {second}
    """


def test_each_is_read_by_its_name_and_does_not_touch_the_other(
    warehouse, tmp_path, listed, monkeypatch
):
    listed(two(tmp_path))
    deliver(tmp_path / "web", D1, [event("w", f"{D1}T01:00:00Z")])
    app = event("", f"{D1}T01:00:00Z", id="a")
    deliver(tmp_path / "app", D1, [app, app | {"id": "late", "event_ts": "never"}])
    assert take(warehouse, monkeypatch, SOURCE_NAME="web").summary().startswith("web: 1 events")
    take(warehouse, monkeypatch, SOURCE_NAME="app")
    deliver(tmp_path / "web", D1, [event("w2", f"{D1}T01:00:00Z")])
    take(warehouse, monkeypatch, SOURCE_NAME="web", MAPPING="mooc_ed", EVENTS_URL="/nowhere")
    rows = "select source, event_id from raw.events where reject_reason is null order by 1"
    assert query(warehouse, rows) == [("app", "a"), ("web", "w2")]
    replayed = replay(ReplaySettings(), warehouse, Progress())
    assert [(each.source, each.offered.total()) for each in replayed] == [("app", 1)]
    replayed = replay(ReplaySettings(mapping="app"), warehouse, Progress())
    assert [each.source for each in replayed] == ["app"]


def test_without_a_name_one_is_meant_and_several_are_refused(tmp_path, listed, monkeypatch):
    listed(two(tmp_path))
    with pytest.raises(UserError, match=r"SOURCE_NAME is not set: say which .* one of web, app"):
        settings(monkeypatch)
    assert settings(monkeypatch, EVENTS_URL="/data/%Y-%m-%d.jsonl").source_name == ""
    monkeypatch.delenv("EVENTS_URL")
    with pytest.raises(UserError, match=r"SOURCE_NAME='wbe' is unknown: SOURCES_FILE=.* has web"):
        settings(monkeypatch, SOURCE_NAME="wbe")
    monkeypatch.delenv("SOURCE_NAME")
    listed(two(tmp_path).split("\n\n")[0])
    assert settings(monkeypatch).source_name == "web"
    (tmp_path / "sources.toml").unlink()
    with pytest.raises(UserError, match=r"SOURCE_NAME='web' is unknown: .* is not there"):
        settings(monkeypatch, SOURCE_NAME="web")


WRONG = {
    "": "list of tables",
    "[web]\nSOURCE = 'api'": "list of tables",
    "source = [1]": "list of tables",
    "[[source]]\nname = 'web'\nSOURCE = 'api'": "source 1 has no mapping",
    "[[source]]\nname = 'web'\nurls = 'x'": "source 1 has unknown settings urls",
    "[[source]]\nname = 7": "source 1 has name = 7, not a text",
    "[[source]]\nname = 'Web'\nSOURCE = 'api'\nmapping = 'm'": "has name = 'Web': use a-z",
    "[[source]]\nname = 'web'\nSOURCE = 'ftp'\nmapping = 'm'": "SOURCE = 'ftp', not one of api",
    "[[source": "is not valid TOML",
}
VALID = "[[source]]\nname = 'web'\nSOURCE = 'files'\nmapping = 'm'\n"
WRONG |= {
    VALID + VALID: "has two sources called 'web'",
    VALID + "schedule = 'daily'": "schedule = 'daily', not five fields of cron",
    VALID + "region = 'eu'": "has region, which is of an API",
    VALID + "calls_per_day = '9'": "calls_per_day = '9', not a whole number",
    VALID.replace("files", "api") + "calls_per_day = -1": "calls_per_day = -1, not 1 or more",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_cannot_be_meant_is_refused_in_one_line(listed, monkeypatch, text):
    listed(text)
    with pytest.raises(UserError) as error:
        settings(monkeypatch, SOURCE_NAME="web")
    assert str(error.value).startswith("SOURCES_FILE='")
    assert WRONG[text] in str(error.value)
    assert "\n" not in str(error.value)


def of_api(url: str, calls: int, name="web", region="eu") -> str:
    return f"""
        [[source]]
        name = "{name}"
        SOURCE = "api"
        url = "{url}"
        mapping = "canonical"
        region = "{region}"
        calls_per_day = {calls}
    """


def answer(call):
    """One event a day, in the region that was asked for; no profiles."""
    day, key = call.query["date"], call.path.removeprefix("/")
    records = [event(day, f"{day}T01:00:00Z", region=call.query["region"])] * (key == "events")
    return Said({key: records, "next_cursor": None})


def test_calls_are_counted_and_refused_when_they_are_used_up(warehouse, listed, monkeypatch):
    with paged_api(answer) as api:
        listed(of_api(api.url, 5) + of_api(api.url, 100, name="app", region="us"))
        take(warehouse, monkeypatch, SOURCE_NAME="web")
        today = datetime.now(UTC).date()
        assert query(warehouse, CALLS) == [("web", today, 2)]
        before = query(warehouse, "select unit, load_id from raw.units where live order by 1")
        with pytest.raises(UserError, match="'web' has used up its calls_per_day = 5 of this UTC"):
            take(warehouse, monkeypatch, D1, "2026-01-05", SOURCE_NAME="web")
        assert len(api.calls) == 5, "no request more"
        assert query(warehouse, CALLS) == [("web", today, 5)]
        after = query(warehouse, "select unit, load_id from raw.units where live order by 1")
        assert after == before
        take(warehouse, monkeypatch, SOURCE_NAME="app")
        assert query(warehouse, CALLS)[0] == ("app", today, 2)
    regions = query(warehouse, "select distinct source, region from raw.events order by 1")
    assert regions == [("app", "us"), ("web", "eu")]


def test_the_budget_holds_across_processes_and_the_day_after_is_new(warehouse, listed, tmp_path):
    with paged_api(answer) as api:
        listed(of_api(api.url, 7))
        given = warehouse.libpq_env() | {"SOURCE_NAME": "web", "FROM": D1, "TO": "2026-01-09"}
        both = [start("ingestion", "ingest", **given) for _ in range(2)]
        for done in [command.finish() for command in both]:
            assert done.returncode == 2
            assert "has used up its calls_per_day = 7" in done.stderr, done.stderr
        assert len(api.calls) == 7
        with_yesterday = "update raw.source_calls set day = day - 1"
        assert query(warehouse, f"{with_yesterday} returning calls") == [(7,)]
        done = run("ingestion", "ingest", **given | {"TO": D2, "JSON": "1"})
        assert (done.returncode, len(api.calls)) == (0, 11), done.stderr
        assert json.loads(done.stdout)["source"] == "web"
