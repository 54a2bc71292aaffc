"""What a comparison has found: differences by day, and the reasons that it can name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from reporting.compare.columns import Schema

SHOWN = 3  # sample rows of a finding
# In the order in which they are told: what is missing, what is there twice, what is another value.
REASONS = {
    "day_missing": "the whole day is missing",
    "late_rows_lost": "late rows were lost",
    "first_hours_only": "only the first hours of the day are there",
    "hours_missing": "some hours of the day are missing",
    "other_day": "rows are on another day, as by a time zone",
    "group_missing": "all rows with one value of a column are missing",
    "key_written_otherwise": "the key is written in another way",
    "rows_missing": "rows are missing",
    "loaded_again": "loaded again: the same rows more than once",
    "several_versions": "several versions of a row under one key",
    "current_not_as_of": "what is now, in place of what was at the time of the event",
    "older_version": "an older delivery of the rows",
    "swapped": "the values of two columns have changed places",
    "shifted": "times are shifted",
    "time_cut": "times are cut off",
    "scaled": "numbers are multiplied",
    "other_sign": "numbers have the other sign",
    "rounded": "numbers are rounded",
    "decimals_cut": "decimals are cut off",
    "single_precision": "numbers were stored in single precision",
    "null_for_empty": "null in place of an empty text",
    "null": "null in place of a value",
    "trimmed": "blanks around the text are gone",
    "other_case": "text is in another case",
    "unicode_form": "text is in another Unicode form",
    "other_encoding": "text was read in another encoding",
    "cut_off": "text is cut off",
    "number_written_otherwise": "a number is written in another way",
    "json_keys": "keys of the JSON are missing",
    "json_types": "values of the JSON are of another type",
    "one_value": "one value in place of several",
    "values_differ": "values differ",
}
UNEXPLAINED = ("rows_missing", "values_differ")


@dataclass(frozen=True)
class Sample:
    """The rows of a key as both sides have them, two at most: the values that matter."""

    key: dict[str, str | None]
    left: list[dict[str, str | None]]
    right: list[dict[str, str | None]]


@dataclass
class Finding:
    """A difference by its reason. `side`: the one that lacks it or has it otherwise.

    `rows`: of all days; estimated from the sample where not every row was looked at. `looked`: rows
    whose values were looked at, `fitting`: those of them that the reason explains.
    """

    code: str
    side: str
    column: str = ""
    detail: str = ""
    evidence: str = ""
    rows: int = 0
    looked: int = 0
    fitting: int = 0
    days: list[str] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)

    @property
    def kind(self) -> tuple[str, str, str, str]:
        """Findings of the same kind are one."""
        return self.code, self.side, self.column, self.detail

    @property
    def is_explained(self) -> bool:
        """Whether a reason is known."""
        return self.code not in UNEXPLAINED

    def merge(self, other: Finding) -> None:
        """Take another one of the same kind in, of another day."""
        if len(self.days) == 1 and self.evidence:
            self.evidence = f"{self.days[0]}: {self.evidence}"
        self.rows += other.rows
        self.looked += other.looked
        self.fitting += other.fitting
        self.days += [day for day in other.days if day not in self.days]
        self.samples = [*self.samples, *other.samples][:SHOWN]


@dataclass
class DayDifference:
    """A day that differs: its rows on each side, keys that a side lacks, rows that are there again,
    rows that differ."""

    day: str
    left: int
    right: int
    lacking: dict[str, int] = field(default_factory=dict)
    repeated: dict[str, int] = field(default_factory=dict)
    differing: int = 0


@dataclass
class Comparison:
    """Everything that was found. `totals`: by side; `columns`: rows that differ, by column."""

    labels: dict[str, str]
    schema: Schema
    totals: dict[str, int]
    days: int = 0
    differences: list[DayDifference] = field(default_factory=list)
    columns: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    seconds: float = 0

    @property
    def is_equal(self) -> bool:
        """Whether both have the same columns, and the same rows."""
        return not self.differences and self.schema.is_same

    def add(self, findings: Iterable[Finding]) -> None:
        """Enter what a day has; the same reason of several days is one finding."""
        known = {each.kind: each for each in self.findings}
        for each in findings:
            if each.kind in known:
                known[each.kind].merge(each)
            else:
                self.findings.append(each)
                known[each.kind] = each

    def sort(self) -> None:
        """Findings in the order of REASONS, those of most rows first."""
        order = list(REASONS)
        self.findings.sort(key=lambda each: (order.index(each.code), -each.rows))

    def as_json(self) -> dict[str, Any]:
        """For programs. Any: as JSON has it."""
        from dataclasses import asdict

        return {
            "equal": self.is_equal,
            "left": self.labels["left"],
            "right": self.labels["right"],
            "rows": self.totals,
            "days": self.days,
            "columns_only": {side: [*names] for side, names in self.schema.only.items()},
            "columns_not_compared": [*self.schema.ignored],
            "types": {
                each.name: [each.left.type, each.right.type]
                for each in self.schema.shared
                if each.types_differ
            },
            "days_differing": [asdict(each) for each in self.differences],
            "rows_differing_by_column": self.columns,
            "reasons": [asdict(each) | {"means": REASONS[each.code]} for each in self.findings],
            "seconds": round(self.seconds, 2),
        }
