"""Why rows of a day that both sides have differ, and rows are there twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from reporting.compare.columns import Shared
from reporting.compare.day import Day, Row
from reporting.compare.findings import SHOWN, Finding
from reporting.compare.values import explained


@dataclass
class Left:
    """Changes of a column that no rule of values explains: a look at other rows may."""

    column: Shared
    rows: int = 0
    looked: int = 0
    days: list[str] = field(default_factory=list)
    changes: list[tuple[Row, Row]] = field(default_factory=list)
    example: Finding | None = None


def repeated(day: Day) -> Iterator[Finding]:
    """Rows that are there more than once on a side."""
    for side in day.pair:
        found, name = day.matched.repeated[side.name], side.name
        keys = f"{found.keys:,} keys are there up to {found.most} times"
        told = []
        if found.same:
            is_all = found.same == (found.most - 1) * found.keys and not found.others
            alike = f"each of {found.keys:,} keys is there {found.most} times"
            evidence = f"{alike if is_all else keys}, all else equal"
            told.append(Finding("loaded_again", name, evidence=evidence, rows=found.same))
        if found.others:
            evidence = f"{keys}, with other values"
            told.append(Finding("several_versions", name, evidence=evidence, rows=found.others))
        for finding in told:
            finding.days = [f"{day.day}"]
            finding.samples = [day.sample(key, day.names) for key in found.sample[:SHOWN]]
            yield finding


def changed(day: Day, unexplained: dict[str, Left]) -> Iterator[Finding]:
    """The reasons of a day's rows that differ.

    Args:
        day: with its sample.
        unexplained: by column, takes what no rule explains.
    """
    rows = _pairs(day)
    told: set[int] = set()
    for finding, of_whole_rows in (*_older(day, rows), *_swapped(day, rows)):
        told |= of_whole_rows
        yield finding
    for column in day.statements.schema.columns:
        differing = day.matched.differing.get(column.name, 0)
        keys = [key for key in day.matched.samples.get(column.name, ()) if key in rows]
        left = [key for key in keys if key not in told]
        if differing and left:
            share = differing / len(keys)
            yield from _of_column(day, column, {key: rows[key] for key in left}, share, unexplained)


def _pairs(day: Day) -> dict[int, tuple[Row, Row]]:
    found = {}
    for key in {key for sample in day.matched.samples.values() for key in sample}:
        left, right = (day.row(side, key) for side in day.pair)
        if left and right:
            found[key] = (left.values, right.values)
    return found


def _of_column(
    day: Day,
    column: Shared,
    rows: dict[int, tuple[Row, Row]],
    share: float,
    unexplained: dict[str, Left],
) -> Iterator[Finding]:
    """The reasons of one column: what right has is made of left's value, or the other way round."""
    name, left = column.name, rows
    for side in reversed((*day.pair,)):
        keys = list(left)
        of_left = side.name == "left"
        values = [(one[name], other[name]) for one, other in left.values()]
        changes = [(became, was) for was, became in values] if of_left else values
        for each in explained(column.family, changes):
            which = [keys[number] for number in sorted(each.which)]
            finding = Finding(each.code, side.name, name, each.detail, looked=len(rows))
            yield _filled(day, finding, which, [name], round(len(which) * share))
            left = {key: pair for key, pair in left.items() if key not in which}
    if left:
        kept = unexplained.setdefault(name, Left(column))
        kept.rows += round(len(left) * share)
        kept.looked += len(rows)
        kept.days.append(f"{day.day}")
        kept.changes += [*left.values()][: 1_000 - len(kept.changes)]
        if kept.example is None:
            samples = [day.sample(key, [name]) for key in [*left][:SHOWN]]
            kept.example = Finding("values_differ", "", name, samples=samples)


def _filled(
    day: Day, finding: Finding, keys: Sequence[int], columns: Sequence[str], rows: int
) -> Finding:
    """A finding with the day, how many of its rows it explains, and some of them."""
    finding.rows = rows
    finding.fitting = len(keys)
    finding.days = [f"{day.day}"]
    finding.samples = [day.sample(key, columns) for key in keys[:SHOWN]]
    return finding


def _older(day: Day, rows: dict[int, tuple[Row, Row]]) -> Iterator[tuple[Finding, set[int]]]:
    """Rows that were received earlier than the other side's, and have other values too."""
    schema = day.statements.schema
    receipts = {each.name for each in schema.receipts.values()}
    names = [each.name for each in schema.columns if each.name in receipts]
    if len(names) != 1:
        return
    [receipt] = names
    by_side: dict[str, set[int]] = {"left": set(), "right": set()}
    for key, (left, right) in rows.items():
        one, other = left[receipt], right[receipt]
        others = any(left[n] != right[n] for n in day.names if n != receipt)
        if one and other and one != other and others:
            by_side["right" if other < one else "left"].add(key)
    for side, keys in by_side.items():
        if keys:
            columns = sorted({n for k in keys for n in day.names if rows[k][0][n] != rows[k][1][n]})
            detail = f"{receipt} is earlier"
            finding = Finding("older_version", side, detail=detail, looked=len(rows))
            yield _of_rows(day, finding, columns, keys)


def _swapped(day: Day, rows: dict[int, tuple[Row, Row]]) -> Iterator[tuple[Finding, set[int]]]:
    """Two columns, each of which has the other's value."""
    names = [name for name in day.matched.samples if day.matched.samples[name]]
    for one, other in combinations(names, 2):
        keys = {
            key
            for key, (left, right) in rows.items()
            if left[one] == right[other] != left[other] == right[one]
        }
        if len(keys) > 1:
            finding = Finding("swapped", "", detail=f"{one} and {other}", looked=len(rows))
            yield _of_rows(day, finding, [one, other], keys)


def _of_rows(
    day: Day, finding: Finding, columns: Sequence[str], keys: set[int]
) -> tuple[Finding, set[int]]:
    """A reason of whole rows, estimated for all that differ."""
    rows = round(len(keys) * day.matched.rows / finding.looked)
    return _filled(day, finding, sorted(keys), columns, min(day.matched.rows, rows)), keys
