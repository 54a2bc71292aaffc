"""Drafts and checks of resources of dlt, and of the sources of sources.toml."""

from __future__ import annotations

import json
import shlex
import tomllib

import pytest

from core.errors import UserError
from ingestion.mapping.mapping import load_mapping
from ingestion.mapping_check import check
from ingestion.mapping_draft import draft
from ingestion.settings import SampleSettings
from tests.helpers.paged_api import Said, paged_api
from tests.helpers.pipeline import build, query
from tests.helpers.processes import run, run_fresh
from tests.helpers.resources import land
from tests.helpers.units import D1, D2

pytestmark = pytest.mark.tables_built

TICKETS = """
@dlt.resource(name="tickets")
def tickets(start: datetime, end: datetime):
    yield [
        {"ticket_no": f"{start:%d}-{n}", "customer": {"id": n % 7}, "note": n,
         "action": ["open", "close"][n % 2], "at": f"{start:%Y-%m-%d}T10:00:{n:02}Z",
         "country": ["NL", "DE"][n % 2]}
        for n in range(40)
    ]
"""
SHOP = """
read = []
@dlt.source
def shop(start: str, end: str):
    @dlt.resource
    def customers():
        yield [{"customer_id": n, "plan": ["free", "pro"][n % 2], "country": "NL",
                "updated_at": start} for n in range(30)]
    @dlt.resource
    def clicks():
        yield [{"click_id": f"c{n}", "customer_id": n % 9, "action": ["view", "buy"][n % 2],
                "clicked_at": start, "country": "NL"} for n in range(60)]
    @dlt.resource
    def prices():
        yield [{"article": n, "price": n} for n in range(5)]
    return customers, clicks, prices
"""


@pytest.fixture
def asked(monkeypatch):
    """The settings of a draft or a check."""

    def settings(**variables: object) -> SampleSettings:
        for name, value in variables.items():
            monkeypatch.setenv(name, str(value))
        return SampleSettings.from_env()

    return settings


def test_from_a_resource_to_facts_in_three_commands(warehouse, theirs, tmp_path):
    resource = f"{theirs(TICKETS)}:tickets"
    mapping = f"{tmp_path}/drafted.toml"
    given = warehouse.libpq_env() | {"COLUMNS": "200", "PYTHONPATH": f"{tmp_path}:."}
    asked_for = {"RESOURCE": resource, "FROM": D1, "TO": D2}
    done = run_fresh("ingestion", "mapping-draft", **given, **asked_for, MAPPING=mapping)
    assert (done.returncode, done.stderr) == (0, "")
    check_it, ingest, transform = (line.strip() for line in done.stdout.splitlines()[-3:])
    where = f"SOURCE=dlt RESOURCE={resource} MAPPING={mapping}"
    assert check_it == f"make mapping-check {where} FROM={D1}"
    assert ingest == f"make ingest {where} FROM={D1} TO={D2}"
    assert transform == "make transform"
    done = run_fresh("ingestion", "mapping-check", **given | variables(check_it))
    assert (done.returncode, done.stderr) == (0, "")
    assert f"drafted.toml: 40 of 40 events accepted (100.0 %); {D1}" in done.stdout
    assert query(warehouse, "select count(*) from raw.units") == [(0,)], "nothing landed"
    done = run_fresh("ingestion", "ingest", **given | variables(ingest))
    assert done.returncode == 0, done.stderr
    build()
    facts = "select count(*), count(distinct user_id), min(region) from analytics.fact_events"
    assert query(warehouse, facts) == [(80, 7, "DE")]


def variables(command: str) -> dict[str, str]:
    """What a line of make gives."""
    return dict(word.split("=", 1) for word in shlex.split(command)[2:])


def test_the_example_of_the_docs_needs_no_hand(tmp_path, asked):
    drafted = draft(
        asked(RESOURCE="examples.dlt.tickets:tickets", MAPPING=tmp_path / "m.toml", FROM=D1)
    )
    assert (drafted.open, drafted.looked_at) == ([], f"300 records for {D1}")
    [table] = check(asked()).tables
    assert (table.accepted, table.rows[0]["event_type"]) == (300, "closed")


def test_of_several_resources_events_and_profiles_are_chosen(warehouse, theirs, tmp_path, asked):
    resource, path = f"{theirs(SHOP)}:shop", tmp_path / "shop.toml"
    drafted = draft(asked(RESOURCE=resource, MAPPING=path, FROM=D1))
    said = tomllib.loads(path.read_text())
    assert said["dlt"] == {"events": "clicks", "profiles": "customers"}
    assert said["profiles"]["tier"] == "plan"
    assert ("dlt: events", "clicks") in [each[:2] for each in drafted.found]
    assert any("prices" in note for note in drafted.notes)
    tables = check(asked()).tables
    assert [(table.called, table.accepted) for table in tables] == [
        ("events", 60),
        ("user profiles", 30),
    ]
    land(warehouse, resource, mapping=path)
    assert query(warehouse, "select count(*) from raw.user_profiles") == [(30,)]


def test_a_resource_that_never_ends_is_read_as_far_as_the_sample_goes(theirs, tmp_path, asked):
    name = theirs("""
        from itertools import count
        @dlt.resource
        def events():
            for n in count():
                yield event(f"e{n}")
    """)
    path = tmp_path / "m.toml"
    drafted = draft(asked(RESOURCE=f"{name}:events", MAPPING=path))
    assert drafted.looked_at.startswith("the first 20,000 records")
    assert drafted.days.startswith(" FROM=2")
    [table] = check(asked()).tables
    assert (table.accepted, table.problems) == (20_000, [])
    assert any("the first 20,000 records" in note for note in table.notes)


REFUSED = {
    "nothing_there:events": "RESOURCE='nothing_there:events' failed: ModuleNotFoundError",
    "{name}:empty": "has no record for 2026-01-01: give FROM= of a day that has some",
    "{name}:fails": "for 2026-01-01 failed: ZeroDivisionError: division by zero",
    "{name}:words": "gives no record that is an object for 2026-01-01",
    "{name}:half": "takes start and not both, start and end",
}
FAULTS = """
def empty(start, end):
    return []
def fails(start, end):
    yield 1 / 0
def words(start, end):
    yield ["no", "record"]
def half(start):
    return []
"""


@pytest.mark.parametrize("resource", REFUSED)
def test_what_a_resource_does_wrong_is_one_line(theirs, tmp_path, asked, resource):
    named, path = resource.format(name=theirs(FAULTS)), tmp_path / "m.toml"
    with pytest.raises(UserError) as error:
        draft(asked(RESOURCE=named, MAPPING=path, FROM=D1))
    assert REFUSED[resource] in str(error.value)
    assert "\n" not in str(error.value)
    assert not path.exists()


def test_settings_of_another_connector_are_refused(asked):
    with pytest.raises(UserError, match=r"RESOURCE is not set: give package\.module:function"):
        asked(SOURCE="dlt")
    with pytest.raises(UserError, match=r"PROFILES_URL='/x\.csv' is of files and APIs"):
        asked(RESOURCE="a:b", PROFILES_URL="/x.csv")


def listed(tmp_path, text: str) -> None:
    (tmp_path / "sources.toml").write_text(text)


def named_files(tmp_path) -> str:
    folder = tmp_path / "till"
    folder.mkdir()
    records = [
        {"id": f"e{n}", "who": n % 5, "what": "v", "at": f"{D1}T10:00:00Z"} for n in range(30)
    ]
    (folder / f"{D1}.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in records))
    return f"""
        [[source]]
        name = "till"
        SOURCE = "files"
        url = "{folder}/%Y-%m-%d.jsonl"
        mapping = "{tmp_path}/till_mapping.toml"
    """


def test_a_named_source_is_drafted_where_the_file_says_and_checked_by_its_name(
    tmp_path, monkeypatch, asked
):
    listed(tmp_path, named_files(tmp_path) + named_files_of("app", tmp_path))
    with pytest.raises(UserError, match=r"SOURCE_NAME is not set: say which .* one of till, app"):
        asked()
    drafted = draft(asked(SOURCE_NAME="till", EVENTS_URL="/nowhere", MAPPING="canonical"))
    assert drafted.path == tmp_path / "till_mapping.toml"
    assert load_mapping(str(drafted.path)).events.columns["user_id"] == "who"
    checked = check(asked())
    assert (checked.mapping, checked.tables[0].accepted) == ("till", 30)
    with pytest.raises(UserError, match=r"SOURCE_NAME='till' has its mapping already, .*sources"):
        draft(asked())
    with pytest.raises(UserError, match="SOURCE_NAME='tlil' is unknown"):
        asked(SOURCE_NAME="tlil")


def named_files_of(name: str, tmp_path) -> str:
    return f"""
        [[source]]
        name = "{name}"
        SOURCE = "files"
        url = "{tmp_path}/{name}/%Y-%m-%d.jsonl"
        mapping = "canonical"
    """


def test_the_commands_of_a_named_source_name_it(warehouse, tmp_path):
    listed(tmp_path, named_files(tmp_path))
    given = warehouse.libpq_env() | {"COLUMNS": "200"}
    done = run("ingestion", "mapping-draft", **given, SOURCE_NAME="till")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.strip() for line in done.stdout.splitlines()[-3:]]
    assert lines == [
        "make mapping-check SOURCE_NAME=till",
        f"make ingest SOURCE_NAME=till FROM={D1} TO={D1}",
        "make transform",
    ]
    done = run("ingestion", "mapping-check", **given | variables(lines[0]))
    assert (done.returncode, done.stderr) == (0, "")
    done = run("ingestion", "ingest", **given | variables(lines[1]))
    assert done.returncode == 0, done.stderr
    assert query(warehouse, "select source, count(*) from raw.events group by 1") == [("till", 30)]


def test_a_draft_and_a_check_count_the_calls_of_an_api(warehouse, tmp_path, asked):
    records = [
        {"id": f"e{n}", "user": n % 5, "type": "v", "time": f"{D1}T10:00:00Z"} for n in range(9)
    ]

    def answer(call):
        is_of_day = call.query.get("date") == D1 and not call.query.get("cursor")
        return Said({"events": records * is_of_day, "next_cursor": None})

    with paged_api(answer) as api:

        def with_calls(number: int) -> None:
            listed(
                tmp_path,
                f"""
                [[source]]
                name = "web"
                SOURCE = "api"
                url = "{api.url}/events"
                mapping = "{tmp_path}/web.toml"
                calls_per_day = {number}
                """,
            )

        with_calls(3)
        for name, value in warehouse.libpq_env().items():
            asked(SOURCE_NAME="web", **{name: value})
        with pytest.raises(UserError, match="'web' has used up its calls_per_day = 3 of this UTC"):
            draft(asked(FROM=D1))
        assert not (tmp_path / "web.toml").exists()
        assert len(api.calls) == 3
        with_calls(100)
        draft(asked())
        after_draft = len(api.calls)
        assert check(asked()).tables[0].accepted == 9
        spent = query(warehouse, "select calls from raw.source_calls")
        assert spent == [(len(api.calls),)]
        assert len(api.calls) > after_draft
