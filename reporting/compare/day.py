"""What is known of one day that differs: counts, and sampled rows of both sides as text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from core.days import DayRange
from core.scratch import scratch_directory
from reporting.compare.findings import Sample
from reporting.compare.rows import AT_A_TIME, SAMPLED, Matched, Spool
from reporting.compare.side import Pair, Side
from reporting.compare.statements import Statements

_SMALL = 5_000  # rows of a day that are all fetched: that takes no longer than asking for segments
_SEGMENT = 500  # rows
_SEGMENTS = 1 << 16
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
    sampled: dict[str, dict[int, list[SampledRow]]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The columns that a sampled row has."""
        return [each.name for each in self.statements.schema.shared]

    def look(self) -> None:
        """Match the rows that may differ, and fetch a sample of those that do."""
        if all(self.rows.values()):
            self._match()
        else:
            self._alone()
        keys = self._keys()
        where = DayRange.of(self.day)

        def fetch(side: Side) -> dict[int, list[SampledRow]]:
            condition = self.statements.with_keys(side, where, keys)
            found: dict[int, list[SampledRow]] = {}
            for _, key, late, *texts in side.rows(self.statements.values(side, condition)):
                row = SampledRow(dict(zip(self.names, texts, strict=True)), bool(late))
                found.setdefault(key, []).append(row)
            return found

        left, right = self.pair.both(fetch)
        self.sampled = {"left": left, "right": right}

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

    def _keys(self) -> list[int]:
        found: dict[int, None] = {}
        for side in self.pair:
            found |= dict.fromkeys(self.matched.lacking[side.name].sample)
            found |= dict.fromkeys(self.matched.repeated[side.name].sample[:10])
        for sample in self.matched.samples.values():
            found |= dict.fromkeys(sample)
        return [*found]

    def _match(self) -> None:
        segments, only = self._segments()
        columns = [each.name for each in self.statements.schema.columns]
        share = len(only) / segments if only else 1
        files = _power_of_2(max(self.rows.values()) * share / AT_A_TIME)
        with scratch_directory() as folder:

            def fetch(side: Side) -> Spool:
                own = folder / side.name
                own.mkdir()
                return self._fetched(side, own, files, segments, only)

            left, right = self.pair.both(fetch)
            for number in range(files):
                self.matched.add(left.read(number), right.read(number), columns)

    def _fetched(
        self, side: Side, folder: Path, files: int, segments: int, only: list[int]
    ) -> Spool:
        spool = Spool(folder, len(self.statements.schema.columns), files)
        side.copy(self.statements.hashes(side, self.day, segments, only), spool)
        spool.end()
        return spool

    def _segments(self) -> tuple[int, list[int]]:
        """How many segments there are, and which differ; none where these are most."""
        rows = max(self.rows.values())
        if rows <= _SMALL:
            return 1, []
        segments = min(_SEGMENTS, _power_of_2(rows / _SEGMENT))

        def ask(side: Side) -> dict[int, tuple[int, int]]:
            found = side.rows(self.statements.by_segment(side, self.day, segments))
            return {segment: (count, checksum) for segment, count, checksum in found}

        left, right = self.pair.both(ask)
        differing = sorted(n for n in left.keys() | right.keys() if left.get(n) != right.get(n))
        return segments, differing if len(differing) <= segments / 2 else []

    def _alone(self) -> None:
        """One side has no row of the day: nothing is to be matched."""
        for side in self.pair:
            lacking = self.matched.lacking[self.pair.other(side).name]
            if self.rows[side.name]:
                [row] = side.rows(self.statements.summary(side, self.day))
                lacking.keys, lacking.late = row
                keys = side.rows(self.statements.keys(side, self.day, SAMPLED))
                lacking.sample = [key for (key,) in keys]


def _power_of_2(number: float) -> int:
    """The next one, at least 1."""
    return 1 << max(0, int(number)).bit_length()
