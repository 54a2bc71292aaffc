"""What the benchmarks measure with is right: the generator, the report, the pictures."""

from __future__ import annotations

import json
import sys
from collections import Counter
from datetime import timedelta
from io import StringIO
from itertools import pairwise
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import process
from benchmarks.generate import START, Product, generate
from benchmarks.measure import Ratio, Report, is_met, ratios_table, read_reports
from benchmarks.plots import draw
from core.days import DayRange
from core.errors import UserError

DAYS = DayRange(START, START + timedelta(days=3))


def files(folder: Path) -> dict[str, bytes]:
    return {f"{path.relative_to(folder)}": path.read_bytes() for path in folder.rglob("*.jsonl")}


def test_the_same_arguments_generate_the_same_bytes(tmp_path: Path) -> None:
    generate(tmp_path / "a", DAYS, Product(1_000))
    generate(tmp_path / "b", DAYS, Product(1_000))
    generate(tmp_path / "c", DAYS, Product(1_000, seed=8))
    assert len(files(tmp_path / "a")) == 6
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert files(tmp_path / "a") != files(tmp_path / "c")


def test_generated_events_have_the_documented_shares(tmp_path: Path) -> None:
    generate(tmp_path, DAYS, Product(20_000))
    for day in DAYS:
        lines = (tmp_path / "events" / f"{day}.jsonl").read_text().splitlines()
        events = [json.loads(line) for line in lines]
        repeats = [next_one == line for line, next_one in pairwise(lines)]
        assert (len(lines), len(set(lines)), sum(repeats)) == (20_000, 19_000, 1_000)
        assert len({(each["user_id"], each["event_id"]) for each in events}) == 19_000
        happened = Counter(each["event_ts"][:10] for each in events)
        late = 20_000 - happened.pop(f"{day}")
        assert 0.005 < late / 20_000 < 0.015
        assert set(happened) == {f"{day - timedelta(days=ago)}" for ago in (1, 2, 3)}


def test_malformed_records_are_cut_off_at_their_share(tmp_path: Path) -> None:
    generate(tmp_path, DAYS, Product(20_000, malformed=0.02))
    lines = (tmp_path / "events" / f"{START}.jsonl").read_text().splitlines()
    broken = [line for line in lines if not line.endswith("}")]
    assert {len(line) for line in broken} == {40}
    assert 0.015 < len(broken) / len(lines) < 0.025


def test_profiles_are_all_delivered_once_and_one_in_a_hundred_changes_a_day(tmp_path: Path) -> None:
    generate(tmp_path, DAYS, Product(10))
    delivered = [
        [json.loads(line) for line in (tmp_path / "profiles" / f"{day}.jsonl").open()]
        for day in DAYS
    ]
    assert len({each["user_id"] for each in delivered[0]}) == len(delivered[0]) == 10_000
    for day, changed in zip(list(DAYS)[1:], delivered[1:], strict=True):
        assert 70 < len(changed) < 130
        assert {each["updated_at"][:10] for each in changed} == {f"{day}"}


@pytest.mark.parametrize(
    ("value", "target", "met"),
    [
        (1.5, "≤ 1.5", True),
        (1.51, "≤ 1.5", False),
        (15, "≥ 15", True),
        (14.9, "≥ 15", False),
        (701, "≤ 700 MB", False),
        (0, "≤ 0", True),
        (3, "", None),
    ],
)
def test_a_target_is_met_or_missed(value: float, target: str, met: bool | None) -> None:
    assert is_met(value, target) is met


def test_a_target_that_nobody_can_read_is_an_error() -> None:
    with pytest.raises(ValueError, match="target='about 2'"):
        is_met(2, "about 2")


def test_a_report_has_medians_ratios_and_where_they_came_from(tmp_path: Path) -> None:
    report = Report("history", "seconds")
    for seconds in (4.0, 9.0, 5.0):
        report.add("dbt run, 30 days", seconds)
        report.add("dbt run, 1,000 days", 2 * seconds)
        report.add("fact_events, 30 days", seconds / 10)
        report.add("fact_events, 1,000 days", seconds / 10)
    report.ratio("1,000 ÷ 30 days", "dbt run, 1,000 days", "dbt run, 30 days", "≤ 1.2")
    report.ratio("no target", "dbt run, 1,000 days", "dbt run, 30 days")
    report.limit("seconds of a day", "dbt run, 30 days", "≤ 5 s")
    output = StringIO()
    report.show(Console(file=output, width=100), tmp_path / "results")

    rows = [
        [cell.strip() for cell in line.split("│")[1:-1]] for line in output.getvalue().split("\n")
    ]
    assert ["dbt run, 30 days", "4.00", "5.00", "9.00"] in rows
    assert ["1,000 ÷ 30 days", "2.00", "≤ 1.2", "✗"] in rows
    assert ["seconds of a day", "5.00", "≤ 5 s", "✓"] in rows
    assert ["no target", "2.00", "", ""] in rows

    read = read_reports(tmp_path / "results")["history"]
    assert read["figures"]["dbt run, 30 days"] == [4.0, 9.0, 5.0]
    assert [Ratio(**ratio) for ratio in read["ratios"]] == report.ratios
    assert [ratio.met for ratio in report.ratios] == [False, None, True]
    assert {"command", "at", "commit", "cores", "memory_gb"} < set(read)
    assert ratios_table("summary", report.ratios).row_count == 3

    [history, targets] = draw(tmp_path / "results", tmp_path)
    assert history.name == "bench-history.svg"
    drawn = targets.read_bytes()
    assert "1,000 ÷ 30 days: 2.00 (≤ 1.2)" in drawn.decode()
    assert draw(tmp_path / "results", tmp_path)[1].read_bytes() == drawn
    assert b"<script" not in drawn


def test_runs_are_measured_in_turns_after_one_that_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("benchmarks.measure.REPETITIONS", 2)
    report, calls = Report("turns", ""), []
    report.in_turns(
        {"ours": lambda: calls.append("ours"), "floor": lambda: calls.append("floor")},
        before=lambda: calls.append("empty"),
        warm_up=True,
    )
    assert calls[::2] == ["empty"] * 6
    assert calls[1::2] == ["ours", "floor", "ours", "floor", "floor", "ours"], "there and back"
    assert [len(times) for times in report.figures.values()] == [2, 2]


def test_nothing_to_draw_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="run make bench first"):
        draw(tmp_path, tmp_path)


def test_the_memory_of_a_command_has_its_children(tmp_path: Path) -> None:
    child = "sum(bytearray(80_000_000))"  # at work for many looks
    parent = (
        "import subprocess, sys, threading\n"
        "def run(): subprocess.run([sys.executable, '-c', sys.argv[1]])\n"
        "thread = threading.Thread(target=run); thread.start(); thread.join(60)"
    )
    assert process.run(sys.executable, "-c", parent, child).megabytes > 75
    with pytest.raises(UserError, match="exit status 3"):
        process.run(sys.executable, "-c", "raise SystemExit(3)")
