from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from core.days import (
    DayRange,
    first_kept_day,
    last_complete_days,
    parse_day,
    parse_range,
    parse_window,
)
from core.errors import UserError
from ingestion.mapping.mapping import load_mapping
from ingestion.source.files import find_files


@pytest.mark.parametrize(
    ("first", "last", "start", "end", "days", "text"),
    [
        ("2026-03-01", "2026-03-01", date(2026, 3, 1), date(2026, 3, 2), 1, "2026-03-01"),
        ("2026-02-27", "2026-03-01", date(2026, 2, 27), date(2026, 3, 2), 3, None),
        ("2024-02-28", "2024-03-01", date(2024, 2, 28), date(2024, 3, 2), 3, None),
        ("2025-12-31", "2026-01-01", date(2025, 12, 31), date(2026, 1, 2), 2, None),
        ("2026-01-01", "2026-12-31", date(2026, 1, 1), date(2027, 1, 1), 365, None),
    ],
)
def test_inclusive_days_become_a_half_open_range(first, last, start, end, days, text):
    parsed = parse_range(first, last)
    assert (parsed.start, parsed.end, len(parsed)) == (start, end, days)
    assert parsed.last == date.fromisoformat(last)
    assert str(parsed) == (text or f"{first} to {last}")


@pytest.mark.parametrize(
    "value",
    [
        "2026-02-30",
        "2026-13-01",
        "2025-02-29",
        "0000-01-01",
        "2026-1-1",
        "20260101",
        "2026-W01-1",
        "2026-01-01T00:00:00",
        "2026-01-01\n",
        " 2026-01-01",
        "２０２６-０１-０１",  # noqa: RUF001
        "yesterday",
        "",
    ],
)
@pytest.mark.parametrize("setting", ["FROM", "TO"])
def test_what_is_not_a_day_is_named(setting, value):
    with pytest.raises(UserError) as error:
        parse_day(setting, value)
    assert str(error.value) == f"{setting}={value!r} is not a day: write it as YYYY-MM-DD"


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ("2026-03-02", "2026-03-01", "TO=2026-03-01 is before FROM=2026-03-02"),
        (
            "9999-12-31",
            "9999-12-31",
            "TO=9999-12-31 is the calendar's last day: nothing can end after it",
        ),
        ("soon", "2026-03-01", "FROM='soon' is not a day: write it as YYYY-MM-DD"),
        ("2026-03-01", "2026-02-30", "TO='2026-02-30' is not a day: write it as YYYY-MM-DD"),
    ],
)
def test_a_wrong_range_names_setting_and_value(first, last, message):
    with pytest.raises(UserError) as error:
        parse_range(first, last)
    assert str(error.value) == message


def test_iteration_gives_every_day_once():
    days = DayRange(date(2026, 2, 27), date(2026, 3, 2))
    expected = [date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1)]
    assert list(days) == expected
    assert list(days) == expected  # a range is no iterator: the second time gives the same


@pytest.mark.parametrize(
    ("day", "inside"),
    [
        (date(2026, 2, 28), False),
        (date(2026, 3, 1), True),
        (date(2026, 3, 2), True),
        (date(2026, 3, 3), False),
        ("2026-03-01", False),
        (None, False),
    ],
)
def test_contains(day, inside):
    assert (day in DayRange(date(2026, 3, 1), date(2026, 3, 3))) is inside


@pytest.mark.parametrize("end", [date(2026, 3, 1), date(2026, 2, 28)])
def test_a_range_is_never_empty(end):
    with pytest.raises(ValueError, match="empty range"):
        DayRange(date(2026, 3, 1), end)


@pytest.mark.parametrize("count", [1, 7, 400])
def test_last_complete_days_end_before_today(count):
    before = datetime.now(UTC).date()
    days = last_complete_days(count)
    after = datetime.now(UTC).date()
    assert days.end in (before, after)
    assert days.start == days.end - timedelta(days=count)


@pytest.mark.parametrize(("count", "days_ago"), [(1, 0), (2, 1), (400, 399)])
def test_today_is_the_first_of_the_days_that_are_kept(count, days_ago):
    before = datetime.now(UTC).date()
    first = first_kept_day(count)
    after = datetime.now(UTC).date()
    assert first + timedelta(days=days_ago) in (before, after)


def delivered(tmp_path, names, template, first, last):
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    asked, table = parse_window(first, last), load_mapping("canonical").events
    return find_files("EVENTS_URL", str(tmp_path / template), asked, table).found


@pytest.mark.parametrize(
    ("template", "others", "expected"),
    [
        ("%Y-%m-%d.jsonl", ["2026-02-28.jsonl"], {"2026-03-01.jsonl": 1, "2026-03-03.jsonl": 3}),
        ("%Y/%m/%d/*.csv", [], {"2026/03/02/a.csv": 2, "2026/03/02/b.csv": 2}),
        ("e_%d (*).jsonl", ["e_02.jsonl"], {"e_02 (1).jsonl": 2, "e_02 (a [b]).jsonl": 2}),
        ("**/%Y-%m-%d.parquet", [], {"a/b/2026-03-02.parquet": 2}),
        ("%Y-%m.jsonl.gz", ["2026-02.jsonl.gz"], {"2026-03.jsonl.gz": 31}),
        ("all*.csv.gz", [], {"all.csv.gz": 3, "all 'of it'.csv.gz": 3}),
        ("%Y-%m-%d*", [], {"2026-03-01.csv": 1, "2026-03-01.jsonl": 1}),
        ("*", ["directory.jsonl/x.txt"], {"x.jsonl": 3}),
    ],
)
def test_a_template_names_files_and_their_days(tmp_path, template, others, expected):
    files = delivered(tmp_path, [*others, *expected], template, "2026-03-01", "2026-03-03")
    assert {str(Path(file.url).relative_to(tmp_path)): file.day for file in files} == {
        name: date(2026, 3, day) for name, day in expected.items()
    }
    assert [file.format for file in files] == [
        Path(file.url.removesuffix(".gz")).suffix[1:] for file in files
    ]


def test_a_month_lands_on_its_own_last_day(tmp_path):
    names = ["2026-01.jsonl", "2026-02.jsonl", "2026-03.jsonl"]
    files = delivered(tmp_path, names, "%Y-%m.jsonl", "2026-01-20", "2026-03-02")
    assert [file.day for file in files] == [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31)]
