from datetime import date

import pytest

from core.days import DayRange, parse_window
from core.errors import UserError
from core.settings import ROOT, local_dir, optional_range
from ingestion.mapping.mapping import load_mapping
from ingestion.settings import IngestSettings
from ingestion.source.files import find_files

NAMES = (
    "FROM",
    "TO",
    "SOURCE",
    "MAPPING",
    "EVENTS_URL",
    "PROFILES_URL",
    "EVENTS_API_TOKEN",
    "API_CONCURRENCY",
    "PGPASSWORD",
    "LOCAL_DIR",
)
API = {"FROM": "2026-03-01", "EVENTS_URL": "https://x/v1", "EVENTS_API_TOKEN": "s3cret"}
FILES = {"FROM": "2026-03-01", "EVENTS_URL": "/data/%Y-%m-%d.jsonl"}


@pytest.fixture
def setenv(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)

    def set_all(values):
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return set_all


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, None),
        ({"FROM": "", "TO": ""}, None),
        ({"FROM": "2026-03-01"}, DayRange(date(2026, 3, 1), date(2026, 3, 2))),
        ({"FROM": "2026-03-01", "TO": ""}, DayRange(date(2026, 3, 1), date(2026, 3, 2))),
        ({"FROM": "2026-03-01", "TO": "2026-03-03"}, DayRange(date(2026, 3, 1), date(2026, 3, 4))),
    ],
)
def test_optional_range(setenv, values, expected):
    setenv(values)
    assert optional_range() == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"TO": "2026-03-01"},
            "FROM is not set, but TO=2026-03-01: give the first day, FROM=YYYY-MM-DD",
        ),
        ({"FROM": "2026-02-30"}, "FROM='2026-02-30' is not a day: write it as YYYY-MM-DD"),
        (
            {"FROM": "2026-03-01", "TO": "x"},
            "TO='x' is not a day: write it as YYYY-MM-DD",
        ),
        (
            {"FROM": "2026-03-02", "TO": "2026-03-01"},
            "TO=2026-03-01 is before FROM=2026-03-02",
        ),
    ],
)
def test_a_wrong_range_names_setting_and_value(setenv, values, message):
    setenv(values)
    with pytest.raises(UserError) as error:
        optional_range()
    assert str(error.value) == message
    setenv(FILES | values)
    if "FROM" in values:
        with pytest.raises(UserError) as error:
            IngestSettings.from_env()
        assert str(error.value) == message


@pytest.mark.parametrize(
    ("values", "source"),
    [
        (API, "api"),
        (API | {"EVENTS_URL": "http://localhost:8000"}, "api"),
        (API | {"SOURCE": "api"}, "api"),
        (API | {"SOURCE": ""}, "api"),
        (API | {"SOURCE": "files", "EVENTS_URL": "https://x/%Y-%m-%d.csv"}, "files"),
        (FILES, "files"),
        (FILES | {"SOURCE": "files"}, "files"),
        (FILES | {"EVENTS_URL": "s3://bucket/%Y-%m-%d.parquet"}, "files"),
        (FILES | {"EVENTS_URL": "file:///data/%Y-%m-%d.csv"}, "files"),
        (FILES | {"EVENTS_URL": "httpd.jsonl"}, "files"),
    ],
)
def test_source_is_inferred_from_the_url(setenv, values, source):
    setenv(values)
    settings = IngestSettings.from_env()
    assert (settings.connector, settings.events_url) == (source, values["EVENTS_URL"])


@pytest.mark.parametrize(
    ("values", "start"),
    [
        (
            {"EVENTS_URL": "/data/x.jsonl"},
            "FROM is not set: ",
        ),
        (API | {"SOURCE": "ftp"}, "SOURCE='ftp' is unknown: "),
        (API | {"SOURCE": "API"}, "SOURCE='API' is unknown: "),
        ({"FROM": "2026-03-01"}, "EVENTS_URL is not set: "),
        (API | {"EVENTS_URL": ""}, "EVENTS_URL is not set: "),
        (
            API | {"SOURCE": "api", "EVENTS_URL": "/data/x.jsonl"},
            "EVENTS_URL='/data/x.jsonl' is no http(s) URL, but SOURCE=api",
        ),
        (
            {"FROM": "2026-03-01", "SOURCE": "files"},
            "EVENTS_URL is not set: ",
        ),
    ],
)
def test_every_error_names_the_setting(setenv, values, start):
    setenv(values)
    with pytest.raises(UserError) as error:
        IngestSettings.from_env()
    assert str(error.value).startswith(start)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("values", "mapping", "profiles_url"),
    [
        ({}, "canonical", ""),
        ({"MAPPING": "", "PROFILES_URL": ""}, "canonical", ""),
        ({"MAPPING": "mooc_ed", "PROFILES_URL": "/data/p.csv"}, "mooc_ed", "/data/p.csv"),
    ],
)
def test_mapping_and_profiles(setenv, values, mapping, profiles_url):
    setenv(FILES | values)
    settings = IngestSettings.from_env()
    assert (settings.mapping, settings.profiles_url) == (mapping, profiles_url)
    assert settings.days == DayRange(date(2026, 3, 1), date(2026, 3, 2))


def test_given_days_win_over_from(setenv):
    days = DayRange(date(2020, 1, 1), date(2020, 1, 3))
    setenv(FILES | {"FROM": "not a day"})
    assert IngestSettings.from_env(days).days == days


def test_the_token_never_appears(setenv):
    setenv(API)
    settings = IngestSettings.from_env()
    assert settings.api_token == "s3cret"
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in f"{settings}"
    setenv({"EVENTS_URL": "/data/x.jsonl", "SOURCE": "api"})
    with pytest.raises(UserError) as error:
        IngestSettings.from_env()
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("", ROOT / ".local"), ("here", ROOT / "here"), ("/var/facts", None)],
)
def test_local_dir_is_relative_to_the_project(setenv, value, expected):
    setenv({"LOCAL_DIR": value})
    assert str(local_dir()) == str(expected or value)


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("%Y-%m-%d.jsonl", "matches no file for 2026-03-01 to 2026-03-03"),
        ("nowhere://bucket/%d.csv", "cannot be read"),
    ],
)
def test_a_template_that_cannot_be_is_named(tmp_path, template, says):
    table = load_mapping("canonical").events
    template = template if "://" in template else str(tmp_path / template)
    with pytest.raises(UserError) as error:
        find_files("EVENTS_URL", template, parse_window("2026-03-01", "2026-03-03"), table)
    message = str(error.value)
    assert message.startswith("EVENTS_URL")
    assert template in message
    assert says in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:pw@host/a?k=v&l=w: no", "https://***@host/a?k=***&l=***: no"),
        ("https://token@host/a", "https://***@host/a"),
        (
            "postgresql://me:p%40w@localhost:5432/db?host=/tmp",
            "postgresql://***@localhost:5432/db?host=***",
        ),
        ("abfs://container@account/x", "abfs://container@account/x"),
        ("'s3://bucket/2026-0?-01*.jsonl'", "'s3://bucket/2026-0?-01*.jsonl'"),
        ("is s3cret/x, s3cret%2Fx", "is ***, ***"),
        ("PGUSER=dev dev", "PGUSER=dev dev"),
    ],
)
def test_no_error_shows_a_secret(setenv, text, shown):
    setenv({"EVENTS_API_TOKEN": "s3cret/x", "PGPASSWORD": "dev"})
    assert str(UserError(text)) == shown
