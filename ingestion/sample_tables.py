"""What `mapping-draft` and `mapping-check` found, as tables that fit the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from core.errors import redacted
from ingestion.drafted import Drafted
from ingestion.mapping_check import Checked, CheckedTable
from ingestion.mapping_draft import next_commands
from ingestion.settings import SampleSettings

LETTERS = 400  # of a value: more than any terminal shows in a cell
FIELDS = 12  # named
NOTES = 10
MOMENT = 19  # letters of a time
RECORDS = 9  # letters of a count
LEAST = 16  # letters of properties that are worth a column


def show_draft(drafted: Drafted, settings: SampleSettings, console: Console | None = None) -> None:
    """Print what was guessed, what is open, and what to type next."""
    console = console or Console()
    _say(console, f"{drafted.shown}: drafted from {drafted.looked_at}")
    table = Table()
    table.add_column("setting", no_wrap=True)
    table.add_column("guess", overflow="fold", min_width=12)
    table.add_column("because", overflow="fold")
    for name, what, why in drafted.found:
        table.add_row(*map(_cell, (name, what, why)))
    console.print(table)
    _notes(console, drafted.notes)
    if drafted.open:
        _say(console, f'To decide ("decide:" in the file): {", ".join(drafted.open)}')
    _say(console, "Next")
    for line in next_commands(drafted, settings):
        console.print(Text(f"  {line}"), soft_wrap=True)


def show_check(checked: Checked, console: Console | None = None) -> None:
    """Print what sample records become."""
    console = console or Console()
    for table in checked.tables:
        _checked(console, checked, table)
    for line in checked.paging:
        _say(console, f"Paging of {line}")


def _checked(console: Console, checked: Checked, of: CheckedTable) -> None:
    share = f" ({of.accepted / of.received:.1%})".replace("%", " %") if of.received else ""
    _say(
        console,
        f"{checked.mapping}: {of.accepted:,} of {of.received:,} {of.called} accepted{share};"
        f" {of.looked_at}",
    )
    names = [name for name in of.reading.mapping.columns if name != of.reading.mapping.time_column]
    columns = [of.reading.mapping.time_column, *names, "payload"]
    if of.rows:
        _rows(console, columns, of.rows)
    _rejects(console, of)
    if of.first and of.last:
        _say(console, f"Times: {_moment(of.first)} to {_moment(of.last)} UTC")
    if of.repeated:
        _say(console, f"Repeated: {of.repeated:,} are of a user and an id that came before")
    if of.deletions:
        _say(console, f"Deletions: {of.deletions:,} say that an event was deleted")
    kept = [f"{_plain(name)} {share:.0%}".replace("%", " %") for name, share in of.kept]
    more = f" and {len(kept) - FIELDS} more" if len(kept) > FIELDS else ""
    _say(console, f"Kept in properties, in no column: {', '.join(kept[:FIELDS]) or 'none'}{more}")
    _notes(console, [*of.notes, *of.problems])


def _rows(console: Console, columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> None:
    """Records as they would land. Properties are shown where the others leave room for them."""
    texts = [[_plain(_value(name, row[name])) for name in columns] for row in rows]
    widths = [
        max(len(name), *map(len, column))
        for name, column in zip(columns, zip(*texts, strict=True), strict=True)
    ]
    most = max(8, console.width // 8)
    widths = [min(width, MOMENT if number == 0 else most) for number, width in enumerate(widths)]
    left = console.width - sum(widths[:-1]) - 3 * len(widths) - 1
    shown = len(columns) if left >= LEAST else len(columns) - 1
    widths[-1] = left
    table = Table()
    for name, width in list(zip(columns, widths, strict=True))[:shown]:
        called = name if name != "payload" else "properties"
        table.add_column(called, no_wrap=True, overflow="ellipsis", width=width)
    for row in texts:
        table.add_row(*map(Text, row[:shown]))
    console.print(table)


def _rejects(console: Console, of: CheckedTable) -> None:
    if not of.rejected:
        return
    table = Table()
    longest = max(map(len, of.reasons))
    table.add_column("reason", no_wrap=True, width=longest)
    table.add_column("records", no_wrap=True, width=RECORDS, justify="right")
    left = max(LEAST, console.width - longest - RECORDS - 10)
    table.add_column("such as", no_wrap=True, overflow="ellipsis", width=left)
    for reason, number in of.reasons.most_common():
        for place, row in enumerate(of.rejects.get(reason, [])):
            record = _value("payload", row["payload"])
            first = ("", "") if place else (reason, f"{number:,}")
            table.add_row(*map(_cell, (*first, record)))
    console.print(table)


def _value(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name == "payload":
        return str(value)[1:]
    return _moment(value) if hasattr(value, "strftime") else str(value)


def _moment(value: Any) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S}"


def _cell(text: str) -> Text:
    return Text(_plain(text))


def _plain(text: str) -> str:
    """A text without signs that would steer a terminal."""
    return "".join(sign if sign.isprintable() else "�" for sign in redacted(text[:LETTERS]))


def _notes(console: Console, notes: Sequence[str]) -> None:
    for note in notes[:NOTES]:
        _say(console, f"Note: {_plain(note)}")
    if len(notes) > NOTES:
        _say(console, f"Note: and {len(notes) - NOTES} more")


def _say(console: Console, text: str) -> None:
    console.print(Text(text))
