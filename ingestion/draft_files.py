"""A first mapping of files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from ingestion.decode.dialect import Dialect
from ingestion.drafted import Drafted, beginning, guessed, section_lines
from ingestion.mapping.draft.guesses import EVENTS, PROFILES
from ingestion.mapping.draft.writing import comment, toml
from ingestion.mapping.file_shape import FileShape
from ingestion.sample_records import NOTHING, file_records
from ingestion.sampling import is_dated, sampled_files
from ingestion.settings import SampleSettings


def draft_files(settings: SampleSettings, path: Path, scratch: Path) -> tuple[Drafted, list[str]]:
    """What files are like, and the lines of their mapping.

    Args:
        settings: where they are.
        path: where the mapping will be.
        scratch: a folder for samples.

    Raises:
        UserError: there is nothing, or nothing that can be read.
    """
    asked, now = settings.asked, datetime.now(UTC)
    sampled = sampled_files("EVENTS_URL", settings.events_url, asked, NOTHING, scratch)
    dialect, samples, notes = file_records(sampled, scratch)
    section = guessed(samples, EVENTS, now)
    notes = [*sampled.place.notes, *notes]
    body = section_lines(section, EVENTS, path.stem, dialect.format, is_dated(sampled.place))
    shape = _shape("files", dialect, FileShape())
    found = [("format", dialect.kind, ""), *_said(dialect), *section.found]
    if settings.profiles_url:
        of = sampled_files("PROFILES_URL", settings.profiles_url, asked, NOTHING, scratch)
        theirs, people, more = file_records(of, scratch)
        profiles = guessed(people, PROFILES, now)
        body += [
            "",
            *section_lines(profiles, PROFILES, path.stem, theirs.format, is_dated(of.place)),
        ]
        shape += _shape("files.profiles", theirs, dialect.shape)
        found += [(f"profiles: {name}", what, why) for name, what, why in profiles.found]
        section.open += [f"profiles: {each}" for each in profiles.open]
        notes += more
    days = sampled.days
    span = f" FROM={days.start} TO={days.last}" if days else f" FROM={now:%Y-%m-%d}"
    looked_at = f"{samples.number:,} records of {sampled.looked_at}"
    url = sampled.place.template
    drafted = Drafted(path, looked_at, found, section.open, notes, url, span)
    return drafted, [*beginning(drafted), *shape, *body]


def _shape(table: str, dialect: Dialect, usual: FileShape) -> list[str]:
    """[files], where files are not written as `usual` ones."""
    lines: list[str] = []
    for setting, value in vars(dialect.shape).items():
        if value != getattr(usual, setting):
            why = dialect.reasons.get(setting, "")
            lines += comment(why) if why else []
            value = list(value) if setting == "columns" else value
            lines.append(f"{setting} = {toml(value)}")
    return [f"[{table}]", *lines, ""] if lines else []


def _said(dialect: Dialect) -> list[tuple[str, str, str]]:
    return [
        (setting, str(getattr(dialect.shape, setting)), why)
        for setting, why in dialect.reasons.items()
    ]
