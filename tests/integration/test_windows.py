"""Windows of hours, days and months: what takes the place of what, where the grain changes."""

from __future__ import annotations

import shutil
from datetime import datetime

import pytest

from core.days import Window, parse_window
from core.errors import UserError
from tests.helpers.pipeline import query
from tests.helpers.units import D1, D2, LIVE, RAW, STATE, counts, facts, put, take


def test_hours_are_asked_for_where_the_template_has_them(warehouse, tmp_path):
    for hour in range(4):
        put(tmp_path / f"{D1}-{hour:02}.jsonl", f"h{hour}")
    template = tmp_path / "%Y-%m-%d-%H.jsonl"
    assert counts(take(warehouse, template, f"{D1}T01", f"{D1}T02")) == (2, 0, 0, 0)
    assert query(warehouse, RAW) == [("h1",), ("h2",)]
    with pytest.raises(UserError, match="has no hours"):
        take(warehouse, tmp_path / "%Y-%m-%d-*.jsonl", f"{D1}T01")
    with pytest.raises(UserError, match="has %M"):
        take(warehouse, tmp_path / "%Y-%m-%d-%H%M.jsonl")


def test_hours_compacted_to_a_day(warehouse, tmp_path):
    for hour in (3, 4):
        put(tmp_path / f"{D1}-{hour:02}.jsonl", f"h{hour}")
    take(warehouse, tmp_path / "%Y-%m-%d-%H.jsonl")
    put(tmp_path / f"{D1}.jsonl", "h3", "h4", "h5")
    result = take(warehouse, tmp_path / "%Y-%m-%d.jsonl")
    assert counts(result) == (1, 0, 0, 2)
    assert "retracted" in result.summary()
    assert set(facts(warehouse)) == {"h3", "h4", "h5"}
    assert query(warehouse, LIVE) == [(f"{D1}.jsonl", 3)]


def test_a_day_becomes_hours_only_as_a_whole(warehouse, tmp_path):
    put(tmp_path / f"{D1}.jsonl", "x", "y")
    take(warehouse, tmp_path / "%Y-%m-%d.jsonl")
    put(tmp_path / f"{D1}-03.jsonl", "x")
    before = query(warehouse, STATE)
    with pytest.raises(UserError, match=f"{D1}T03 is only a part of {D1}.jsonl"):
        take(warehouse, tmp_path / "%Y-%m-%d-%H.jsonl", f"{D1}T03")
    assert query(warehouse, STATE) == before
    put(tmp_path / f"{D1}-04.jsonl", "y")
    assert counts(take(warehouse, tmp_path / "%Y-%m-%d-%H.jsonl")) == (2, 0, 0, 1)
    assert query(warehouse, RAW) == [("x",), ("y",)]


def test_days_become_a_month_and_only_those_with_a_file_go(warehouse, tmp_path):
    for day in (D1, D2):
        put(tmp_path / f"{day}.jsonl", day)
    put(tmp_path / "2026-02-01.jsonl", "february")
    take(warehouse, tmp_path / "%Y-%m-%d.jsonl", D1, "2026-02-01")
    put(tmp_path / "2026-01.jsonl", "month")
    result = take(warehouse, tmp_path / "%Y-%m.jsonl", D1, "2026-02-20")
    assert counts(result) == (1, 0, 0, 2)
    assert result.events.missing == ("2026-02",)
    assert facts(warehouse) == {"month": "2026-01-31", "february": "2026-02-01"}


def test_a_place_that_moved_and_a_glob_that_changed(warehouse, tmp_path):
    """Neither doubles: the name below the fixed part is the same, or the windows are."""
    put(tmp_path / "old" / "a" / f"{D1}.jsonl", "a")
    put(tmp_path / "old" / "b" / f"{D1}.jsonl", "b")
    take(warehouse, tmp_path / "old" / "*" / "%Y-%m-%d.jsonl")
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    assert counts(take(warehouse, tmp_path / "new" / "*" / "%Y-%m-%d.jsonl")) == (0, 2, 0, 0)
    assert counts(take(warehouse, tmp_path / "new" / "[ab]" / "%Y-%m-%d.jsonl")) == (0, 2, 0, 0)
    # Two folders that add up are two sources: of one, the second takes the first one's place.
    result = take(warehouse, tmp_path / "new" / "b" / "%Y-%m-%d.jsonl")
    assert counts(result) == (1, 0, 0, 2)
    assert query(warehouse, RAW) == [("b",)]


def test_windows_in_words():
    for text in ("2026-02", "2026-02-03", "2026-02-03T04", "2026-02-03 to 2026-03-03"):
        first, _, last = text.partition(" to ")
        ends = {7: ("-01", "-28"), 10: ("", ""), 13: ("", "")}[len(first)]
        window = parse_window(first + ends[0], (last or first) + ("" if last else ends[1]))
        assert f"{window}" == text
    hours = parse_window("2026-02-03T04", "2026-02-04")
    assert f"{hours}" == "2026-02-03T04 to 2026-02-04T23"
    assert hours in Window.of_days(hours.days)


@pytest.mark.parametrize("field", ["%-H", "%02H", "%k", "%OH"])
def test_hours_are_hours_however_they_are_written(warehouse, tmp_path, field):
    for hour in range(24):
        put(tmp_path / datetime(2026, 1, 1, hour).strftime(f"%F-{field}.jsonl"), f"h{hour}")
    template = tmp_path / f"%Y-%m-%d-{field}.jsonl"
    assert counts(take(warehouse, template)) == (24, 0, 0, 0)
    assert counts(take(warehouse, template, f"{D1}T02", f"{D1}T03")) == (0, 2, 0, 0)


def test_halves_of_a_day_are_both_read(warehouse, tmp_path):
    for half in ("AM", "PM"):
        put(tmp_path / f"{D1}-{half}.jsonl", half)
    assert counts(take(warehouse, tmp_path / "%F-%p.jsonl")) == (2, 0, 0, 0)


@pytest.mark.parametrize("field", ["%-M", "%T", "%R", "%s", "%H%f"])
def test_what_is_finer_than_an_hour_is_refused(warehouse, tmp_path, field):
    with pytest.raises(UserError, match=f"{field[-2:]}: windows"):
        take(warehouse, tmp_path / f"%F-{field}.jsonl")


def test_signs_that_are_no_field_make_no_window(warehouse, tmp_path):
    """The window of 50%No was all of time, and the command ended in a traceback."""
    for name in ("50%No.jsonl", "50%.jsonl", "100%"):
        put(tmp_path / name, name)
        take(warehouse, tmp_path / name)
    windows = "select unit, window_start from raw.units"
    assert {start for _, start in query(warehouse, windows)} == {None}
    with pytest.raises(UserError, match="the window of 9999-12-05 is the calendar's last"):
        take(warehouse, tmp_path / "%Y-%m.jsonl", "9999-12-05")


def test_a_file_that_the_template_names_for_two_days_is_told(warehouse, tmp_path):
    """Asked for one by one. A file of that name with something else in it is another delivery."""
    put(tmp_path / "from-01-to-02.jsonl", "a")
    template = tmp_path / "*%d*.jsonl"
    assert take(warehouse, template, D1).twice == ()
    second = take(warehouse, template, D2)
    assert second.twice == (f"from-01-to-02.jsonl (delivered for {D1} too)",)
    assert "one file for several windows: from-01-to-02.jsonl" in second.summary()
    put(tmp_path / "from-01-to-02.jsonl", "b")
    assert take(warehouse, template, D2).twice == ()
