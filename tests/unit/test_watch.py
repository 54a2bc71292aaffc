"""What is new and holds still, how often a source is asked, and what is said once."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from commands.trouble import Once, Trouble
from core.days import DayRange, Window
from core.errors import Unavailable, UserError
from ingestion.deliveries import Look
from ingestion.follow import Files, spread
from ingestion.land.units import LiveUnit, Plan
from ingestion.mapping.mapping import load_mapping
from ingestion.settings import IngestSettings
from ingestion.source.files import find_files
from ingestion.source.unit import UnitKey
from ingestion.watch import Arrived, Watch

DAY = date(2026, 1, 1)


@pytest.fixture
def settings(tmp_path: Path) -> IngestSettings:
    return IngestSettings(
        days=DayRange.of(DAY),
        connector="files",
        events_url=f"{tmp_path}/%Y-%m-%d*.jsonl",
        profiles_url="",
    )


def write(folder: Path, name: str, text: str = "{}") -> str:
    path = folder / f"{DAY}-{name}.jsonl"
    path.write_text(text)
    return f"{path}"


def take(watch: Watch, arrived: Arrived | None) -> set[str]:
    """Land all of it."""
    assert arrived is not None
    watch.landed(arrived.places, arrived.look.held)
    return set(arrived.places)


def test_a_file_is_taken_when_two_looks_find_it_the_same(settings, tmp_path):
    watch = Watch()
    assert watch.look(settings) is None, "nothing is there"
    a = write(tmp_path, "a")
    assert watch.look(settings) is None
    assert watch.is_moving
    write(tmp_path, "a", "{}\n{}")
    assert watch.look(settings) is None, "it has grown"
    assert take(watch, watch.look(settings)) == {a}
    assert watch.look(settings) is None
    write(tmp_path, "a", "{}\n{}\n{}")
    assert watch.look(settings) is None
    assert take(watch, watch.look(settings)) == {a}


def test_the_others_do_not_wait_for_one_that_is_being_written(settings, tmp_path):
    watch = Watch()
    a, b = write(tmp_path, "a"), write(tmp_path, "b", "1")
    watch.look(settings)
    write(tmp_path, "b", "12")
    arrived = watch.look(settings)
    assert arrived is not None
    assert (arrived.places, arrived.look.held) == ({a}, {b})
    take(watch, arrived)
    assert take(watch, watch.look(settings)) == {b}


def test_when_nothing_is_held_all_is_compared_again(settings, tmp_path):
    """What was left out has gone: nothing new, but another file may have waited for it."""
    watch = Watch()
    write(tmp_path, "a")
    b = write(tmp_path, "b", "1")
    watch.look(settings)
    write(tmp_path, "b", "12")
    take(watch, watch.look(settings))
    os.unlink(b)
    assert take(watch, watch.look(settings)) == set()
    assert watch.look(settings) is None


def test_one_that_was_refused_comes_again_when_it_is_another_one(settings, tmp_path):
    watch = Watch()
    a = write(tmp_path, "a")
    watch.look(settings)
    assert watch.look(settings) is not None
    watch.refused(a)
    assert watch.look(settings) is None
    write(tmp_path, "a", "other")
    assert watch.look(settings) is None
    assert take(watch, watch.look(settings)) == {a}


def test_one_that_was_refused_comes_again_later_and_later(settings, tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("ingestion.watch.time.monotonic", lambda: now[0])
    watch = Watch()
    a = write(tmp_path, "a")
    for waits in (10, 20, 40, 80, 160, 320, 600, 600):
        while watch.look(settings) is None:
            now[0] += 1
        watch.refused(a)
        tried_at = now[0]
        now[0] += waits - 1
        assert watch.look(settings) is None
        now[0] = tried_at + waits


def test_when_it_came_is_when_it_was_written_or_else_seen(settings, tmp_path):
    a = write(tmp_path, "a")
    os.utime(a, (1_000_000_000, 1_000_000_000))
    began_at = datetime.now(UTC)
    watch = Watch()
    watch.look(settings)
    arrived = watch.look(settings)
    assert arrived is not None
    assert arrived.at >= began_at, "it was there before"


def test_looking_takes_a_tenth_of_the_time_at_most(settings):
    files = Files(1.0, 1.0)
    assert files.pause == 1.0
    files.took = 3.0
    assert files.pause == 27.0


@pytest.mark.parametrize(
    ("spent", "left", "seconds"),
    [(0, 100, 0), (10, 120, 3600), (10, 5, 43_200), (10, 0, 43_200), (1, 43_200, 1)],
)
def test_the_calls_of_a_day_last_to_its_end(spent, left, seconds):
    assert spread(spent, left, datetime(2026, 1, 1, 12, tzinfo=UTC)) == pytest.approx(seconds)


def live(name: str, number: int) -> LiveUnit:
    key = UnitKey(name, Window.of_days(DayRange.of(DAY)))
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    told = (f"/{name}", None, None, "as", moment, moment)
    return LiveUnit(key, DAY, "load", number, 1, *told)


def test_what_is_gone_stays_live_while_something_there_is_held(settings, tmp_path):
    """A day that is written anew, in files of other names: nothing comes before nothing goes."""
    a, b = write(tmp_path, "a"), write(tmp_path, "b")
    found = find_files(
        "EVENTS_URL", settings.events_url, settings.asked, load_mapping("canonical").events
    )
    before = live(f"{DAY}-old.jsonl", 0)
    for held, wanted, gone in (({b}, [], []), (set(), [a, b], [before]), ({a, b}, [], [])):
        look = Look({"events": found}, frozenset(held))
        plan = Plan("canonical", "events", found, [before], "as", held=look.held)
        assert [each.url for each in plan.wanted] == wanted
        assert plan.gone(plan.wanted) == gone
    plan = Plan("canonical", "events", found, [], "as", held=frozenset({b}))
    assert [each.url for each in plan.wanted] == [a], "where nothing is gone, the others come"


def test_trouble_is_said_once_and_its_end_too(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("commands.trouble.time.monotonic", lambda: now[0])
    trouble, waits = Trouble("well"), []
    for _ in range(6):
        trouble.failed(Unavailable("it is away"))
        waits.append(trouble.wait)
        now[0] += trouble.wait
        assert trouble.wait == 0
    assert waits == [1, 2, 4, 8, 16, 30]
    trouble.failed(UserError("it is wrong"))
    assert trouble.wait == 60
    trouble.over()
    trouble.over()
    said = capsys.readouterr()
    assert [line.partition(" ")[2] for line in said.err.splitlines()] == [
        "error: it is away",
        "error: it is wrong",
    ]
    assert [line.partition(" ")[2] for line in said.out.splitlines()] == ["well"]
    assert trouble.wait == 0


def test_a_line_is_said_again_when_it_was_gone_for_long(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("commands.trouble.time.monotonic", lambda: now[0])
    once = Once()
    for at in (0, 800, 1_600, 2_600):
        now[0] = at
        once.tell("warn: it is so")
    assert capsys.readouterr().err.count("warn: it is so") == 2
