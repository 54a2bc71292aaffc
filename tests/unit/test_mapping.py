import dataclasses
import json
from datetime import UTC, date, datetime

import pytest

from core.errors import UserError
from ingestion.decode.session import session
from ingestion.mapping.api_shape import read_api
from ingestion.mapping.json_records import json_lines
from ingestion.mapping.mapping import (
    EVENT_COLUMNS,
    PROFILE_COLUMNS,
    available,
    load_mapping,
)
from ingestion.mapping.reading import Reading

SHIPPED = ["canonical", "github_events", "mooc_ed", "online_retail", "usagov_clicks"]
EVENTS = """
[events]
event_id = "id"
user_id = "who"
event_type = "'x'"
event_ts = "at"
region = "null"
"""
PROFILES = "[profiles]\nuser_id = 'u'\ntier = 't'\nregion = 'r'\nupdated_at = 'a'\n"


def write(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def test_all_shipped_mappings_are_offered():
    assert available() == SHIPPED


@pytest.mark.parametrize(
    ("name", "time_format", "file_format", "lift", "has_profiles"),
    [
        ("canonical", "iso", "", "properties", True),
        ("github_events", "iso", "", "payload", False),
        ("mooc_ed", ("%m/%d/%y %H:%M", "%m/%d/%y"), "", "", True),
        ("online_retail", "iso", "", "", False),
        ("usagov_clicks", "epoch_seconds", "jsonl", "", False),
    ],
)
def test_shipped_mappings_load(name, time_format, file_format, lift, has_profiles):
    mapping = load_mapping(name)
    events = mapping.events
    assert (mapping.name, events.table, events.time_column) == (name, "events", "event_ts")
    assert tuple(events.columns) == EVENT_COLUMNS
    assert (events.time_format, events.format, events.lift) == (time_format, file_format, lift)
    assert (mapping.profiles is not None) is has_profiles
    if mapping.profiles:
        assert mapping.profiles.table == "user_profiles"
        assert mapping.profiles.time_column == "updated_at"
        assert tuple(mapping.profiles.columns) == PROFILE_COLUMNS


@pytest.mark.parametrize("name", SHIPPED)
def test_the_api_shape_of_the_shipped_mappings_is_the_default(name):
    assert load_mapping(name).api == read_api({}, "")


def test_places_are_always_tuples():
    fields = load_mapping("mooc_ed").events.fields
    assert fields == {
        "comment_id": ("Comment ID", "CommentID"),
        "sender": ("Sender",),
        "ts": ("Timestamp",),
    }


def test_another_line_of_files_profiles_is_no_other_reading_of_events(tmp_path):
    digests = [
        load_mapping(write(tmp_path, EVENTS + PROFILES + files)).digests
        for files in (
            "[files]\nheader = true\n",
            "[files]\nheader = true\n[files.profiles]\ndelimiter = ';'\n",
            "[files]\nheader = true\n[files.profiles]\ndelimiter = '|'\n",
            "[files]\nheader = true\ndelimiter = ';'\n[files.profiles]\ndelimiter = '|'\n",
        )
    ]
    events, profiles = ([each[table] for each in digests] for table in ("events", "user_profiles"))
    assert events[0] == events[1] == events[2] != events[3]
    assert len(set(profiles)) == 4


def test_a_mapping_may_begin_with_a_byte_order_mark(tmp_path):
    path = write(tmp_path, b"\xef\xbb\xbf" + EVENTS.encode())
    assert load_mapping(path).events.time_format == "iso"


def test_a_path_to_a_toml_file_is_a_mapping(tmp_path):
    text = """
event_ts_format = "%d.%m.%Y"
format = "csv"
consumes = ["id"]
lift = "more"
[events.fields]
id = "order.id"
who = ["user", "User"]
[profiles]
user_id = "who"
tier = "null"
region = "null"
updated_at = "at"
updated_at_format = "epoch_millis"
[api]
events_path = "/v2/events"
cursor_path = "meta.next"
"""
    mapping = load_mapping(write(tmp_path, EVENTS + text))
    assert mapping.name == "mine"
    assert mapping.events.columns == {
        "event_id": "id",
        "user_id": "who",
        "event_type": "'x'",
        "event_ts": "at",
        "region": "null",
    }
    assert mapping.events.fields == {"id": ("order.id",), "who": ("user", "User")}
    assert mapping.events.time_format == ("%d.%m.%Y",)
    assert (mapping.events.format, mapping.events.lift) == ("csv", "more")
    assert mapping.events.consumes == ("id",)
    assert mapping.profiles.time_format == "epoch_millis"
    assert mapping.api == read_api({"events_path": "/v2/events", "cursor_path": "meta.next"}, "")
    assert mapping.api.events.path == "/v2/events"
    assert mapping.api.events.paginator.arguments["cursor_path"] == '"meta"."next"'


@pytest.mark.parametrize("name", ["nope", "", "Canonical", "/no/such/file.toml", "canonical.toml"])
def test_an_unknown_mapping_lists_the_known_ones(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as error:
        load_mapping(name)
    assert str(error.value) == f"MAPPING={name!r} is unknown: use one of {', '.join(SHIPPED)}"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("events = ", "is not valid TOML"),
        ("[events]\na = 1\na = 2\n", "is not valid TOML"),
        ('[events]\na = """\nx\n', "is not valid TOML"),
        (b"\xff\xfe", "is not valid TOML"),
        ("", "the section [events] is missing"),
        ("[profiles]\nuser_id = 'u'\n", "the section [events] is missing"),
        (EVENTS + "[evnts]\n", "unknown section [evnts]"),
        (EVENTS + "[api]\nurl = 'x'\n", "[api] has unknown settings url"),
        (EVENTS + "consume = []\n", "events has unknown settings consume"),
        (EVENTS + "updated_at = 'x'\n", "events has unknown settings updated_at"),
        ("[events]\nevent_id = 'i'\nregion = 'r'\n", "user_id, event_type, event_ts"),
        (EVENTS + "[profiles]\nuser_id = 'u'\ntier = 't'\n", "expression for region, updated_at"),
        (EVENTS + "without_time = 'delivery'\n", "events has unknown settings without_time"),
        (EVENTS + PROFILES + "without_time = 'now'\n", "without_time 'now' is not 'delivery'"),
        (EVENTS + "[files.profiles]\n", "[files.profiles] needs a section [profiles]"),
        (EVENTS + "[api.profiles]\n", "[api.profiles] needs a section [profiles]"),
        (EVENTS + "[files]\nprofiles = 3\n" + PROFILES, "[files] profiles = 3 is not a table"),
        (EVENTS + "format = 'xml'\n", "format 'xml' is not one of jsonl, ndjson, json, csv"),
        (EVENTS + "timezone = ['UTC']\n", "timezone = ['UTC'], not a text"),
        (EVENTS + "deleted = true\n", "deleted = True, not a text"),
        (EVENTS + "consumes = 'at'\n", "consumes = 'at', not a list of texts"),
        (EVENTS + "optional = [1]\n", "optional = [1], not a list of texts"),
        (EVENTS + "event_ts_format = 5\n", "event_ts_format = 5, not a text, or a list"),
        (EVENTS + "event_ts_format = []\n", "event_ts_format = [], not a text, or a list"),
        (EVENTS + "event_ts_format = 'epoch_sec'\n", "event_ts_format 'epoch_sec' is not one of"),
        (EVENTS + "lift = []\n", "lift = [], not a text"),
        (EVENTS + "fields = ['at']\n", "fields = ['at'], not a table"),
        (EVENTS + "fields = { at = 1 }\n", "at = 1 in fields, not a text, or a list"),
        ("events = 3\n", "events is 3"),
        ("api = 3\n" + EVENTS, "api is 3"),
    ],
)
def test_a_wrong_file_is_one_line_that_names_it(tmp_path, text, says):
    path = write(tmp_path, text)
    with pytest.raises(UserError) as error:
        load_mapping(path)
    message = str(error.value)
    assert message.startswith(f"MAPPING={path!r}")
    assert says in message
    assert "\n" not in message


@pytest.mark.parametrize("name", SHIPPED)
def test_consumed_fields_are_named_in_fields(name):
    """A consumed field that no expression can read would be lost without a trace."""
    mapping = load_mapping(name)
    for table in (mapping.events, mapping.profiles):
        if table is not None:
            places = {place for at in table.fields.values() for place in at}
            assert set(table.consumes) <= places


def read_time(time_format, value):
    """(event_ts, event_date, reject_reason) of one record, received on 2026-03-01."""
    table = dataclasses.replace(load_mapping("canonical").events, time_format=time_format)
    record = {"event_id": "e", "user_id": "u", "event_type": "t", "event_ts": value}
    received = (
        "(select $line as line, null as _file, date '2026-03-01' as _ingest_date, 0 as _unit)"
    )
    query = json_lines(Reading(table, "x", datetime(2026, 3, 3, 12, tzinfo=UTC)), received)
    with session() as db:
        landed = db.sql(query, params={"line": json.dumps(record)}).to_arrow_table().to_pylist()
    [row] = landed
    time = row["event_ts"]
    return time and time.astimezone(UTC).isoformat(), row["event_date"], row["reject_reason"]


DATES = ("%m/%d/%y %H:%M", "%m/%d/%y")


@pytest.mark.parametrize(
    ("time_format", "value", "expected"),
    [
        ("iso", "2026-03-01T10:00:00Z", "2026-03-01T10:00:00+00:00"),
        ("iso", "2026-03-01T10:00:00", "2026-03-01T10:00:00+00:00"),
        ("iso", "2026-03-01 10:00", "2026-03-01T10:00:00+00:00"),
        ("iso", "2026-03-01", "2026-03-01T00:00:00+00:00"),
        ("iso", "2026-03-01T10:00:00.123456789Z", "2026-03-01T10:00:00.123456+00:00"),
        ("iso", "2026-03-01T23:30:00-02:00", "2026-03-02T01:30:00+00:00"),
        ("iso", "2026-03-01T00:30:00+05:30", "2026-02-28T19:00:00+00:00"),
        ("iso", "1990-01-01T00:00:00Z", "1990-01-01T00:00:00+00:00"),
        ("iso", "2026-03-04T12:00:00Z", "2026-03-04T12:00:00+00:00"),
        ("epoch_seconds", 1772359200, "2026-03-01T10:00:00+00:00"),
        ("epoch_seconds", "1772359200", "2026-03-01T10:00:00+00:00"),
        ("epoch_seconds", 1772359200.5, "2026-03-01T10:00:00.500000+00:00"),
        ("epoch_millis", 1772359200123, "2026-03-01T10:00:00.123000+00:00"),
        (DATES, "03/01/26 10:30", "2026-03-01T10:30:00+00:00"),
        (DATES, "3/1/26", "2026-03-01T00:00:00+00:00"),
    ],
)
def test_times_are_utc(time_format, value, expected):
    day = date.fromisoformat(expected[:10])
    assert read_time(time_format, value) == (expected, day, None)


INVALID, OUT_OF_RANGE = "invalid_event_ts", "event_ts_out_of_range"


@pytest.mark.parametrize(
    ("time_format", "value", "reason"),
    [
        *[("iso", value, INVALID) for value in ("x", "2026-02-30", "2026-03-01T10:00:00Zjunk")],
        *[("iso", value, INVALID) for value in (1772359200, True, {"a": 1}, [], "300000-01-01")],
        *[("iso", f"{day}T00:00:00Z", OUT_OF_RANGE) for day in ("1970-01-01", "2999-01-01")],
        *[("iso", value, OUT_OF_RANGE) for value in ("infinity", "-infinity", "epoch")],
        ("iso", "1989-12-31T23:59:59.999999Z", OUT_OF_RANGE),
        ("iso", "2026-03-04T12:00:00.000001Z", OUT_OF_RANGE),
        *[("epoch_seconds", value, INVALID) for value in ("x", "nan", "inf", 1e300, True)],
        *[("epoch_seconds", value, OUT_OF_RANGE) for value in (0, -1, 1772359200000)],
        *[("epoch_millis", value, INVALID) for value in ("2026-03-01", 1e300, 2**63 - 1)],
        *[("epoch_millis", value, OUT_OF_RANGE) for value in (0, 1772359200)],
        *[(DATES, value, INVALID) for value in ("13/01/26", "02/30/26", "03/01/26 25:00", "x")],
        (DATES, "03/01/69", OUT_OF_RANGE),
    ],
)
def test_times_that_cannot_be(time_format, value, reason):
    assert read_time(time_format, value) == (None, None, reason)


@pytest.mark.parametrize(
    ("time_format", "value"), [("iso", "2026-03-01T23:30:00"), (DATES, "03/01/26 23:30")]
)
def test_naive_times_are_utc_on_every_machine(monkeypatch, time_format, value):
    monkeypatch.setenv("TZ", "America/New_York")
    expected = ("2026-03-01T23:30:00+00:00", date(2026, 3, 1), None)
    assert read_time(time_format, value) == expected


@pytest.mark.parametrize("first", [date(1, 1, 1), date(2020, 2, 29)])
def test_the_first_day_of_events_is_a_setting(first):
    table = load_mapping("canonical").events
    received = """(select unnest($lines) as line, null as _file,
        date '2026-03-01' as _ingest_date, 0 as _unit)"""
    reading = Reading(table, "x", datetime(2026, 3, 3, tzinfo=UTC), event_ts_min=first)
    before = "0001-01-01T00:00:00+00:01" if first.year == 1 else "2020-02-28T23:59:59.999999Z"
    times = [before, f"{first}T00:00:00Z"]
    record = {"event_id": "e", "user_id": "u", "event_type": "t"}
    lines = [json.dumps(record | {"event_ts": time}) for time in times]
    with session() as db:
        landed = db.sql(json_lines(reading, received), params={"lines": lines}).to_arrow_table()
    reasons = dict(zip(times, landed["reject_reason"].to_pylist(), strict=True))
    assert reasons == {times[0]: OUT_OF_RANGE, times[1]: None}
