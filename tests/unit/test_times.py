"""How a time is read, against Python's own reading of the IANA database and of ISO 8601."""

import dataclasses
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import UserError
from ingestion.decode.session import session
from ingestion.mapping.mapping import EPOCHS, NO_ZONES, load_mapping
from ingestion.mapping.times import timed

ZONES = [
    "Europe/London",  # winter time is UTC
    "America/New_York",
    "Asia/Kolkata",  # no summer time, half an hour
    "Australia/Lord_Howe",  # half an hour of summer time
    "Pacific/Apia",  # 2011-12-30 never was
    "America/Sao_Paulo",  # skipped and repeated midnights, until 2019
    "Africa/Casablanca",  # summer time ends for Ramadan
    "Europe/Dublin",  # winter time is the exception
]
YEARS = (1995, 2011, 2018, 2025)
SPEEDY = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
# The rules of later years depend on the release of the database: ICU's and Python's are two.
moments = st.datetimes(datetime(1970, 1, 1), datetime(2024, 12, 31))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def db():
    with session() as db:
        yield db


def read(db, texts, time_format="iso", zone="UTC"):
    """The instants of texts, in UTC; None where there is none."""
    table = load_mapping("canonical").events
    table = dataclasses.replace(table, time_format=time_format, timezone=zone)
    query = f"""with received as (select unnest($texts) as text, unnest(range(len($texts))) as nr),
        {timed(table, "text", "received")} select _time from timed order by nr"""
    rows = db.execute(query, {"texts": texts}).fetchall()
    return [time and time.astimezone(UTC) for (time,) in rows]


def instant(text):
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-03T10:00:00Z", "2026-01-03T10:00:00Z"),
        ("2026-01-03t10:00:00z", "2026-01-03T10:00:00Z"),
        ("2026-01-03 10:00:00Z", "2026-01-03T10:00:00Z"),
        ("2026-01-03  10:00:00  Z", "2026-01-03T10:00:00Z"),
        (" 2026-01-03T10:00:00Z\t", "2026-01-03T10:00:00Z"),
        ("2026-01-03\u00a010:00:00\u202f+05:30", "2026-01-03T04:30:00Z"),
        ("2026-01-03T10:00:00 UTC", "2026-01-03T10:00:00Z"),
        ("2026-01-03T10:00:00gmt", "2026-01-03T10:00:00Z"),
        ("2026-01-03 10:00:00+00", "2026-01-03T10:00:00Z"),
        ("2026-01-03 10:00:00+00:00", "2026-01-03T10:00:00Z"),
        ("2026-01-03T10:00:00.123456789+00:00", "2026-01-03T10:00:00.123456Z"),
        ("2026-01-03T24:00:00+00:00", "2026-01-04T00:00:00Z"),
        ("2026-01-03T10:00:00-00:00", "2026-01-03T10:00:00Z"),
        ("2026-01-03T10:00:00+05:30", "2026-01-03T04:30:00Z"),
        ("2026-01-03T10:00:00 +0530", "2026-01-03T04:30:00Z"),
        ("2026-01-03T10:00:00\u221205", "2026-01-03T15:00:00Z"),
        ("2026-01-03T10:00:00+14:00", "2026-01-02T20:00:00Z"),
        ("2026-01-03T10:00:00-1400", "2026-01-04T00:00:00Z"),
        ("1800-01-03 10:00:00-00:01:15", "1800-01-03T10:01:15Z"),
        ("2026-01-03T10:00:00.123456789Z", "2026-01-03T10:00:00.123456Z"),
        ("2026-01-03T10:00:00,9999999Z", "2026-01-03T10:00:00.999999Z"),
        ("2026-01-03T10:00:00,5+05:30", "2026-01-03T04:30:00.5Z"),
        ("2026-01-03T10:30,5Z", "2026-01-03T10:30:30Z"),
        ("2026-01-03T10.25Z", "2026-01-03T10:15:00Z"),
        ("2026-01-03T10:00Z", "2026-01-03T10:00:00Z"),
        ("2026-01-03T10Z", "2026-01-03T10:00:00Z"),
        ("20260103T100000Z", "2026-01-03T10:00:00Z"),
        ("20260103T1000+0530", "2026-01-03T04:30:00Z"),
        ("20260103t10z", "2026-01-03T10:00:00Z"),
        ("20260103T100000.123Z", "2026-01-03T10:00:00.123Z"),
        ("20260103", "2026-01-03T00:00:00Z"),
        ("2026-01-03", "2026-01-03T00:00:00Z"),
        ("2026-1-3", "2026-01-03T00:00:00Z"),
        ("2026/1/3 9:05", "2026-01-03T09:05:00Z"),
        ("2026-W01-6T10:00:00Z", "2026-01-03T10:00:00Z"),
        ("2026w016", "2026-01-03T00:00:00Z"),
        ("2020-W53-7", "2021-01-03T00:00:00Z"),
        ("2026-003T10:00:00Z", "2026-01-03T10:00:00Z"),
        ("2024366", "2024-12-31T00:00:00Z"),
        ("2026-01-03T24:00:00Z", "2026-01-04T00:00:00Z"),
        ("20260103T240000,000Z", "2026-01-04T00:00:00Z"),
        ("2026-12-31T24:00", "2027-01-01T00:00:00Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_a_form_that_is_read(db, text, expected):
    assert read(db, [text]) == [instant(expected)]


@pytest.mark.parametrize(
    "text",
    [
        *[f"2026-01-03T10:00:00 {zone}" for zone in ("BST", "CET", "EST", "IST", "PST", "NZ")],
        *[f"2026-01-03 10:00:00 {zone}" for zone in ("Europe/London", "Etc/GMT+5", "UTC+5")],
        "2026-01-03T10:00:00Z[Europe/London]",
        *[f"{text}+00:00" for text in ("026-01-03 10:00:00", "-026-01-03 10:00:00", "epoch0")],
        *[
            f"2026-01-03 {text}+00:00"
            for text in ("000:00", "10:00:61", "10:00 BST5", "10:00:00Z1")
        ],
        "2026-01-03 10:00 CZ",
        *[f"2026-01-03T10:00:00{offset}" for offset in ("+14:01", "-15:00", "+25:00", "+99")],
        *[f"2026-01-03T10:00:00{offset}" for offset in ("+05:60", "+5", "+053", "+05:3", "+")],
        "2026-01-03T23:59:60Z",
        "2016-12-31T23:59:60Z",
        *[f"2026-01-03T24:00:0{rest}Z" for rest in ("1", "0.5", "0.000001")],
        *[f"2026-01-03T{clock}" for clock in ("24:01", "24,5", "25:00", "10:60", "1", "100")],
        *["2026-02-30", "2026-13-01", "20260230", "2026-366", "2026-000", "2025-W53-1"],
        *["2026-W00-1", "2026-W01-8", "2026-W01", "2026-01", "2026", "202613", "+02026-01-03"],
        *["2026-01-03Z", "2026-01-03T", "2026-01-03T10:00:00ZZ", "03/01/2026", "now", "", "x"],
        "2026-01-03_10:00:00",
        "20260103100000",
    ],
)
def test_a_text_that_is_no_time(db, text):
    assert read(db, [text]) == [None]


@SPEEDY
@given(
    st.lists(
        st.tuples(
            st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)),
            st.integers(-840, 840),
            st.sampled_from(["%Y-%m-%d", "%Y%m%d"]),
            st.sampled_from(["T", "t", " "]),
            st.sampled_from(["%H:%M:%S.%f", "%H:%M:%S,%f", "%H%M%S.%f"]),
            st.sampled_from(["", " "]),
            st.sampled_from(["", ":"]),
        ),
        min_size=20,
        max_size=60,
    )
)
def test_any_offset_in_any_form(db, drawn):
    texts, expected = [], []
    for wall, minutes, date_format, between, clock, blank, colon in drawn:
        sign, (hour, minute) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
        day = wall.strftime(date_format).zfill(10 if "-" in date_format else 8)
        offset = f"{sign}{hour:02}{colon}{minute:02}"
        texts.append(f"{day}{between}{wall.strftime(clock)}{blank}{offset}")
        zone = timezone(timedelta(minutes=minutes))
        expected.append(wall.replace(tzinfo=zone).astimezone(UTC))
    assert read(db, texts) == expected


def as_the_second(wall, zone):
    """The instant of a wall time by zoneinfo, the second of two; None where it never was."""
    local = wall.replace(tzinfo=zone, fold=1)
    back = local.astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0)
    return local.astimezone(UTC) if back == wall else None


@pytest.mark.parametrize("name", ZONES)
@SPEEDY
@given(st.lists(moments, min_size=50, max_size=200))
def test_any_wall_time(db, name, walls):
    texts = [wall.isoformat(" ") for wall in walls]
    assert read(db, texts, zone=name) == [as_the_second(wall, ZoneInfo(name)) for wall in walls]


@pytest.mark.parametrize("name", ZONES)
def test_wall_times_around_every_change_of_the_clock(db, name):
    """Each quarter of an hour of the days on which a zone's offset changes."""
    zone, day = ZoneInfo(name), timedelta(days=1)
    walls = []
    for start in (datetime(year, 1, 1) + n * day for year in YEARS for n in range(365)):
        before, after = (each.replace(tzinfo=UTC).astimezone(zone) for each in (start, start + day))
        if before.utcoffset() != after.utcoffset():
            walls += [start + quarter * day / 96 for quarter in range(-96, 192)]
    expected = [as_the_second(wall, zone) for wall in walls]
    assert (None in expected) is (name != "Asia/Kolkata"), "no hour was skipped"
    assert read(db, [wall.isoformat() for wall in walls], zone=name) == expected
    formats = ("%Y-%m-%d %H:%M:%S",)
    assert read(db, [str(wall) for wall in walls], formats, zone=name) == expected
    unusual = [wall.strftime("%Y%m%dT%H%M%S") for wall in walls]
    assert read(db, unusual, zone=name) == expected


def test_an_offset_wins_over_the_zone(db):
    texts = ["2026-07-01T10:00:00Z", "2026-07-01T10:00:00+02:00", "20260701T100000Z"]
    assert [time.hour for time in read(db, texts, zone="Asia/Tokyo")] == [10, 8, 10]


@SPEEDY
@given(st.lists(st.integers(-(10**15), 10**17), min_size=20, max_size=60))
def test_any_epoch(db, microseconds):
    for name, per_second in EPOCHS.items():
        whole = [number * per_second // 10**6 for number in microseconds]
        exact = [number * 10**6 // per_second for number in whole]
        expected = [EPOCH + timedelta(microseconds=number) for number in exact]
        assert read(db, list(map(str, whole)), name) == expected


@pytest.mark.parametrize(
    ("time_format", "text", "microseconds"),
    [
        ("epoch_seconds", "1772359200.123456", 1772359200123456),
        ("epoch_seconds", "1772359200.1234569", 1772359200123456),
        ("epoch_seconds", "1.7723592e9", 1772359200000000),
        ("epoch_millis", "1772359200123.456", 1772359200123456),
        ("epoch_micros", "1772359200123456", 1772359200123456),
        ("epoch_nanos", "1772359200123456999", 1772359200123456),
        ("epoch_nanos", "-1", -1),
    ],
)
def test_epochs_are_exact_to_the_microsecond(db, time_format, text, microseconds):
    assert read(db, [text], time_format) == [EPOCH + timedelta(microseconds=microseconds)]


ZONED = ("%d/%b/%Y:%H:%M:%S %z", "%a %b %d %H:%M:%S %z %Y", "%Y-%m-%d %H:%M %Z", "%d.%m.%Y %H:%M")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("03/Jan/2026:10:00:00 +0530", "2026-01-03T04:30:00Z"),
        ("03/Jan/2026:10:00:00 Z", "2026-01-03T10:00:00Z"),
        ("Sat Jan 03 10:00:00 -1400 2026", "2026-01-04T00:00:00Z"),
        ("2026-01-03 10:00 UTC", "2026-01-03T10:00:00Z"),
        ("2026-01-03 10:00 GMT", "2026-01-03T10:00:00Z"),
        ("03.01.2026 10:00", "2026-01-03T01:00:00Z"),  # no zone in it: Tokyo's
    ],
)
def test_formats_with_a_zone(db, text, expected):
    assert read(db, [text], ZONED, zone="Asia/Tokyo") == [instant(expected)]


@pytest.mark.parametrize(
    "text",
    [
        "03/Jan/2026:10:00:00 +2500",
        "03/Jan/2026:10:00:00 -14:30",
        "03/Jan/2026:10:00:00 +0575",
        "Sat Jan 03 10:00:00 +1500 2026",
        "2026-01-03 10:00 BST",
        "2026-01-03 10:00 Europe/London",
    ],
)
def test_formats_with_no_zone_that_counts(db, text):
    assert read(db, [text], ZONED) == [None]


def test_every_zone_of_the_database_is_known_and_means_the_same(db):
    names = available_timezones() - set(NO_ZONES)
    known = {name for (name,) in db.execute("select name from pg_timezone_names()").fetchall()}
    assert names <= known
    for name in sorted(names)[::10]:
        walls = [datetime(year, month, 15, 12) for year in (1999, 2015) for month in (1, 7)]
        expected = [as_the_second(wall, ZoneInfo(name)) for wall in walls]
        assert read(db, list(map(str, walls)), zone=name) == expected, name


MAPPING = """
[events]
event_id = "null"
user_id = "null"
event_type = "null"
event_ts = "null"
region = "null"
"""


@pytest.mark.parametrize("zone", ["'BST'", "'Europe/Londn'", "'localtime'", "'+02:00'", "2", "''"])
def test_a_zone_that_is_none_is_refused(tmp_path, zone):
    path = tmp_path / "mine.toml"
    path.write_text(MAPPING + f"timezone = {zone}\n")
    with pytest.raises(UserError, match=r"events has timezone = .*(IANA|not a text)") as error:
        load_mapping(str(path))
    assert "\n" not in str(error.value)


def test_a_zone_is_read_of_events_and_of_profiles(tmp_path):
    path = tmp_path / "mine.toml"
    profiles = MAPPING.replace("[events]", "[profiles]").replace("event_id", "tier")
    profiles = profiles.replace("event_ts", "updated_at").replace('event_type = "null"\n', "")
    path.write_text(MAPPING + "timezone = 'Asia/Tokyo'\n" + profiles + "timezone = 'Europe/Rome'\n")
    mapping = load_mapping(str(path))
    assert [table.timezone for table in mapping.tables] == ["Asia/Tokyo", "Europe/Rome"]
