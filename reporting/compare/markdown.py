"""The report of a comparison, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reporting.compare.findings import REASONS, Comparison, DayDifference, Finding, Sample

_DAYS = 60  # lines of the table of days; the others are counted
_NAMED = 5  # days of a reason that are named
_WIDTH = 60  # signs of a value
_SIDES = ("left", "right")


def report(found: Comparison) -> str:
    """The whole report."""
    return "\n".join(_lines(found)) + "\n"


def headline(found: Comparison) -> str:
    """What was found, in one line."""
    left, right = found.totals["left"], found.totals["right"]
    rows = f"{left:,} rows" if left == right else f"{left:,} and {right:,} rows"
    of_days = f"{found.days:,} {'day' if found.days == 1 else 'days'}"
    if found.is_equal:
        return f"equal: {rows} on each side, {of_days}"
    parts = []
    if found.differences:
        number = len(found.differences)
        parts.append(f"{number:,} of {of_days} {'differs' if number == 1 else 'differ'}")
    if not found.schema.is_same:
        parts.append("the columns differ")
    return f"different: {', '.join(parts)}; {rows}"


def told(finding: Finding) -> str:
    """A reason in words: what, where, of which column."""
    parts = [REASONS[finding.code]]
    if finding.detail:
        parts.append(finding.detail)
    of = f"{finding.column}: " if finding.column else ""
    return f"{of}{', '.join(parts)}"


def _lines(found: Comparison) -> Iterator[str]:
    yield f"# {headline(found)}"
    yield ""
    yield from _table(
        ("side", "table", "rows"),
        [(side, found.labels[side], f"{found.totals[side]:,}") for side in _SIDES],
    )
    yield from _schema(found)
    if found.findings:
        yield "## Reasons"
        yield ""
        yield from _table(
            ("reason", "side", "rows", "days", "evidence"),
            [
                (told(each), each.side, _rows(each), _days(each.days), _evidence(each))
                for each in found.findings
            ],
        )
    if found.columns:
        yield "## Columns that differ"
        yield ""
        ordered = sorted(found.columns.items(), key=lambda each: -each[1])
        yield from _table(("column", "rows"), [(name, f"{rows:,}") for name, rows in ordered])
    if found.differences:
        yield "## Days that differ"
        yield ""
        yield from _of_days(found.differences)
    for finding in found.findings:
        if finding.samples:
            yield f"### {told(finding)}"
            yield ""
            yield from _samples(finding.samples)


def _schema(found: Comparison) -> Iterator[str]:
    schema = found.schema
    yield f"Key: {', '.join(each.name for each in schema.key)}. Day: {schema.day.name}, UTC."
    compared = ", ".join(each.name for each in schema.columns)
    yield f"Compared: {compared or 'nothing else'}."
    if schema.ignored:
        yield f"Not compared (`IGNORE`): {', '.join(schema.ignored)}."
    for side in _SIDES:
        if schema.only[side]:
            yield f"**Only {side} has**: {', '.join(schema.only[side])}."
    types = [each for each in (*schema.shared, schema.day) if each.types_differ]
    if types:
        named = ", ".join(f"{c.name} ({c.left.type}, {c.right.type})" for c in {*types})
        yield f"Of another type, compared by value: {named}."
    yield ""


def _rows(finding: Finding) -> str:
    is_estimate = 0 < finding.looked and finding.rows > finding.looked
    return f"{'about ' if is_estimate else ''}{finding.rows:,}"


def _days(days: Sequence[str]) -> str:
    named = ", ".join(sorted(days)[:_NAMED])
    more = len(days) - _NAMED
    return f"{named} and {more:,} more" if more > 0 else named


def _evidence(finding: Finding) -> str:
    if finding.evidence:
        return finding.evidence
    return f"{finding.fitting:,} of {finding.looked:,} rows looked at" if finding.looked else ""


def _of_days(days: Sequence[DayDifference]) -> Iterator[str]:
    yield from _table(
        (
            "day",
            "left",
            "right",
            "left lacks",
            "right lacks",
            "left again",
            "right again",
            "differ",
        ),
        [
            (
                each.day,
                f"{each.left:,}",
                f"{each.right:,}",
                *(f"{each.lacking.get(side, 0):,}" for side in _SIDES),
                *(f"{each.repeated.get(side, 0):,}" for side in _SIDES),
                f"{each.differing:,}",
            )
            for each in days[:_DAYS]
        ],
    )
    if len(days) > _DAYS:
        yield f"And {len(days) - _DAYS:,} more days."
        yield ""


def _samples(samples: Sequence[Sample]) -> Iterator[str]:
    key = [*samples[0].key]
    columns = {name: None for each in samples for row in (*each.left, *each.right) for name in row}
    others = [name for name in columns if name not in key]
    rows = []
    for each in samples:
        of = [_value(value) for value in each.key.values()]
        for side, found in (("left", each.left), ("right", each.right)):
            rows += [(*of, side, *(_value(row[name]) for name in others)) for row in found]
            if not found:
                rows.append((*of, f"{side}: none", *("" for _ in others)))
    yield from _table((*key, "side", *others), rows)


def _value(value: str | None) -> str:
    if value is None:
        return "null"
    text = value if len(value) <= _WIDTH else f"{value[:_WIDTH]}…"
    return f"`{text}`" if text.strip() != text or not text else text


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'|'.join('---' for _ in head)}|"
    for row in rows:
        cells = [" ".join(cell.split("\n")).replace("|", "\\|") for cell in row]
        yield f"| {' | '.join(cells)} |"
    yield ""
