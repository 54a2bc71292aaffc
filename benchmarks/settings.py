"""What the benchmarks can be told; the defaults are of each benchmark, see its first lines."""

from __future__ import annotations

from dataclasses import dataclass

from core.settings import Setting
from core.values import OneOf, Text, Whole


@dataclass(frozen=True)
class BenchmarkSettings:
    """How much is measured, and how often; 0 is a benchmark's own default."""

    scale: str = Setting(
        "SCALE",
        OneOf(("small", "medium", "large")),
        "For make bench: about minutes, an hour, half a day.",
        default="small",
    ).field()
    repeats: int = Setting(
        "REPEATS", Whole("repetitions", 1), "Repetitions of each measurement.", default="3"
    ).field()
    rows: int = Setting("ROWS", Whole("rows"), "Rows to measure with.", default="0").field()
    sample: int = Setting(
        "SAMPLE", Whole("rows"), "Rows of ways that are too slow for all of them.", default="50000"
    ).field()
    reladiff: str = Setting(
        "RELADIFF",
        Text("a program"),
        "For the benchmark of make compare: reladiff, installed in an environment of its own.",
        example="/path/to/venv/bin/reladiff",
    ).field()
    memory: int = Setting(
        "MEMORY", Whole("times"), "Loads also so many times the rows. 0: does not.", default="0"
    ).field()
