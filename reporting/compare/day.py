"""What is known of one day that differs: counts, and sampled rows of both sides as text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from reporting.compare.day_queries import EPOCH
from reporting.compare.findings import Sample
from reporting.compare.rows import Matched
from reporting.compare.side import Pair, Side
from reporting.compare.statements import Statements

Row = dict[str, str | None]


@dataclass(frozen=True)
class SampledRow:
    """A row of a side as people read it."""

    values: Row
    is_late: bool


@dataclass
class Day:
    """A day that differs. `rows`: of each side; `sampled`: by side, the rows of a key."""

    day: date
    pair: Pair
    statements: Statements
    rows: dict[str, int]
    matched: Matched = field(default_factory=Matched.nothing)
    sampled: dict[str, dict[int, list[SampledRow]]] = field(
        default_factory=lambda: {"left": {}, "right": {}}
    )

    @property
    def names(self) -> list[str]:
        """The columns that a sampled row has."""
        return [each.name for each in self.statements.schema.shared]

    def row(self, side: Side, key: int) -> SampledRow | None:
        """The first sampled row of a key on a side."""
        found = self.sampled[side.name].get(key)
        return found[0] if found else None

    def sample(self, key: int, columns: Iterable[str]) -> Sample:
        """A row for the report: its key, and some values of both sides."""
        of_key = [each.name for each in self.statements.schema.key]
        left, right = (self._shown(side, key, columns) for side in self.pair)
        there = self.row(self.pair.left, key) or self.row(self.pair.right, key)
        return Sample({name: there.values[name] if there else None for name in of_key}, left, right)

    def _shown(self, side: Side, key: int, columns: Iterable[str]) -> list[Row]:
        rows = self.sampled[side.name].get(key, [])
        return [{name: row.values[name] for name in columns} for row in rows]

    @property
    def number(self) -> int:
        """The day as the queries have it."""
        return (self.day - EPOCH).days

    def keys(self) -> dict[int, None]:
        """The keys of which values are looked at."""
        found: dict[int, None] = {}
        for side in self.pair:
            found |= dict.fromkeys(self.matched.lacking[side.name].sample)
            found |= dict.fromkeys(self.matched.repeated[side.name].sample[:10])
            if self.matched.lacking[side.name].keys:
                found |= dict.fromkeys(self.matched.present[side.name])
        for sample in self.matched.samples.values():
            found |= dict.fromkeys(sample)
        return found
