"""A drafted mapping: what was found, and the parts of its text that all sources have alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from core.settings import ROOT
from ingestion.decode.session import session
from ingestion.mapping.draft.guesses import EVENTS, guesses
from ingestion.mapping.draft.samples import Samples
from ingestion.mapping.draft.writing import Section, closing, columns, comment, fields
from ingestion.mapping.mapping import SHIPPED


@dataclass(frozen=True)
class Drafted:
    """A mapping that was written. `found`: by setting, what was chosen, and why. `open`: what a
    person has to decide. `notes`: what was not looked at, or not readable. `url`: as EVENTS_URL is
    given from now on; `days`: FROM and TO, where the files say them."""

    path: Path
    looked_at: str
    found: list[tuple[str, str, str]]
    open: list[str]
    notes: list[str]
    url: str
    days: str

    @property
    def shown(self) -> str:
        """Where it is, for people: from the project's root where it lies there."""
        inside = self.path.is_relative_to(ROOT)
        return str(self.path.relative_to(ROOT) if inside else self.path)

    @property
    def name(self) -> str:
        """As MAPPING takes it."""
        return self.path.stem if self.path.parent == SHIPPED else str(self.path)


def guessed(samples: Samples, roles: Sequence[str], now: datetime) -> Section:
    """[events] or [profiles] of samples: what is guessed of their fields, nothing written yet."""
    with session() as db:
        chosen = guesses(db, samples, roles, now)
        return Section(samples, chosen, _reserved(db), samples.is_table)


def _reserved(db: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Words that are no plain name of a column to DuckDB."""
    words = db.sql("from duckdb_keywords() select keyword_name, keyword_category").fetchall()
    return frozenset({"at", *(word for word, category in words if category != "unreserved")})


def section_lines(
    section: Section, roles: Sequence[str], name: str, format: str, dated: bool
) -> list[str]:
    """[events] or [profiles], and its fields."""
    table = "events" if roles is EVENTS else "profiles"
    if format:
        section.put("format", format, "the names of the files do not say it")
    columns(section, roles, name, dated)
    closing(section)
    return [f"[{table}]", *section.lines, "", f"[{table}.fields]", *fields(section)]


def beginning(drafted: Drafted, where: str = "EVENTS_URL=…") -> Iterable[str]:
    """The first lines of the mapping. `where`: what else mapping-check is given."""
    yield from comment(
        f"Drafted by make mapping-draft, from {drafted.looked_at}. Each line is a guess under its"
        ' reason; what a person has to look at is marked "decide:".'
    )
    yield from comment(f"make mapping-check MAPPING={drafted.name} {where} shows what it does.")
    yield ""
