"""`mapping-draft`: a first mapping of files or an API that nobody has described."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import duckdb

from core.days import Window
from core.errors import UserError, redacted
from core.scratch import scratch_directory
from core.settings import ROOT
from ingestion.decode.dialect import Dialect
from ingestion.decode.session import session
from ingestion.mapping.api_shape import read_api
from ingestion.mapping.draft.guesses import EVENTS, PROFILES, guesses
from ingestion.mapping.draft.samples import Samples
from ingestion.mapping.draft.writing import Section, closing, columns, comment, fields, toml
from ingestion.mapping.file_shape import FileShape
from ingestion.mapping.mapping import SHIPPED
from ingestion.sample_records import NOTHING, add_records, file_records
from ingestion.sampling import (
    SampledPages,
    api_day,
    is_dated,
    sampled_files,
    sampled_pages,
)
from ingestion.settings import SampleSettings
from ingestion.source.api import EventsApi
from ingestion.source.auth import made_auth
from ingestion.source.http_client import HttpClient
from ingestion.source.names import fixed_part, shown
from ingestion.source.probe import Probed, probe
from ingestion.source.unit import PageEnds, Unit


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


def draft(settings: SampleSettings) -> Drafted:
    """Look at samples, guess, and write the mapping.

    Raises:
        UserError: the file is there already, or nothing could be read.
    """
    path = _path(settings)
    if path.exists():
        raise UserError(
            f"MAPPING={path.stem!r} is there already, as {path}: give another name, MAPPING=…"
        )
    with scratch_directory() as scratch:
        of_source = _of_api if settings.connector == "api" else _of_files
        drafted, lines = of_source(settings, path, scratch)
    try:
        with path.open("x") as file:
            file.write("\n".join(lines) + "\n")
    except OSError as error:
        raise UserError(
            f"{path} cannot be written: {error.strerror}; give a path, MAPPING=/somewhere/name.toml"
        ) from error
    return drafted


def _path(settings: SampleSettings) -> Path:
    if settings.mapping.endswith(".toml"):
        return Path(settings.mapping)
    name = settings.mapping or _name(settings)
    if not re.fullmatch(r"\w+", name):
        raise UserError(f"MAPPING={name!r} is no name: give letters, digits and _, or a .toml file")
    return SHIPPED / f"{name}.toml"


def _name(settings: SampleSettings) -> str:
    """A source's name by where it is: the last folder that is always the same, or the host."""
    if settings.connector == "api":
        parts = urlsplit(settings.events_url)
        known = [each for each in parts.path.split("/") if each and "{" not in each]
        host = parts.hostname or ""
        text = known[-1] if known else host.removeprefix("api.").removeprefix("www.")
    else:
        folder = settings.events_url.rstrip("/")
        if "%" in folder or "." in Path(folder).name:
            folder = fixed_part(folder)
        text = Path(folder.rstrip("/")).name
    words = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "events"
    return f"events_{words}" if words[0].isdigit() else words


def _of_files(settings: SampleSettings, path: Path, scratch: Path) -> tuple[Drafted, list[str]]:
    asked, now = settings.asked, datetime.now(UTC)
    sampled = sampled_files("EVENTS_URL", settings.events_url, asked, NOTHING, scratch)
    dialect, samples, notes = file_records(sampled, scratch)
    section = _section(samples, EVENTS, now)
    notes = [*sampled.place.notes, *notes]
    body = _body(section, EVENTS, path.stem, dialect.format, is_dated(sampled.place))
    shape = _shape("files", dialect, FileShape())
    found = [("format", dialect.kind, ""), *_said(dialect), *section.found]
    if settings.profiles_url:
        of = sampled_files("PROFILES_URL", settings.profiles_url, asked, NOTHING, scratch)
        theirs, people, more = file_records(of, scratch)
        profiles = _section(people, PROFILES, now)
        body += ["", *_body(profiles, PROFILES, path.stem, theirs.format, is_dated(of.place))]
        shape += _shape("files.profiles", theirs, dialect.shape)
        found += [(f"profiles: {name}", what, why) for name, what, why in profiles.found]
        section.open += [f"profiles: {each}" for each in profiles.open]
        notes += more
    days = sampled.days
    span = f" FROM={days.start} TO={days.last}" if days else f" FROM={now:%Y-%m-%d}"
    looked_at = f"{samples.number:,} records of {sampled.looked_at}"
    url = sampled.place.template
    drafted = Drafted(path, looked_at, found, section.open, notes, url, span)
    return drafted, [*_beginning(drafted), *shape, *body]


def _of_api(settings: SampleSettings, path: Path, scratch: Path) -> tuple[Drafted, list[str]]:
    window, now = api_day(settings.asked), datetime.now(UTC)
    client = HttpClient(made_auth({}, settings.api_token, {}), 1)
    probed = probe(client, settings.events_url, window.start.date())
    query = urlsplit(settings.events_url).query
    kept = "&".join(part for part in query.split("&") if part and "{" not in part)
    url = f"{probed.base}?{kept}" if kept else probed.base
    try:
        pages = _pages(probed, client, url, window, scratch)
    except UserError as error:  # the mapping is for a person to finish, with what came
        pages = _first_page(probed, window, scratch, str(error))
    if not pages.is_whole and 0 in pages.records:
        probed.section["paginator"]["stop_after_empty_page"] = True
        probed.reasons["paginator"] += "; also an empty page names a next one"
        pages = _pages(probed, client, url, window, scratch)
    if pages.refused and "paginator" not in probed.open:
        probed.open["paginator"] = pages.refused
    samples = Samples()
    notes = add_records([pages.unit], NOTHING, samples)
    if not samples.number:
        raise UserError(f"EVENTS_URL={shown(url)!r} answers no record that is an object")
    section = _section(samples, EVENTS, now)
    body = _body(section, EVENTS, path.stem, "", False)
    lines, found = _api_section(probed)
    counts = ", ".join(map(str, pages.records))
    some = "" if pages.is_whole else " and more"
    looked_at = (
        f"{samples.number:,} records of {window} on {len(pages.records)} pages ({counts}{some}),"
        f" {probed.requests} requests to find out"
    )
    span = f" FROM={window.days.start}"
    is_open = [*(f"api: {each}" for each in probed.open), *section.open]
    drafted = Drafted(path, looked_at, [*found, *section.found], is_open, notes, url, span)
    return drafted, [*_beginning(drafted), *lines, *body]


def _pages(
    probed: Probed, client: HttpClient, url: str, window: Window, scratch: Path
) -> SampledPages:
    """The pages of a window, as ingestion will follow them."""
    shape = read_api(probed.section, "the draft")
    api = EventsApi("EVENTS_URL", url, "events", shape.events, client, PageEnds(""))
    try:
        return sampled_pages(api, window, scratch)
    finally:
        api.close()


def _first_page(probed: Probed, window: Window, scratch: Path, refused: str) -> SampledPages:
    """The page that came while the API was probed, where no more could be."""
    place = scratch / "first.jsonl"
    place.write_text("\n".join(probed.records))
    day, size = window.days.last, place.stat().st_size
    unit = Unit(f"{window}.jsonl", place, "jsonl", day, size, is_known=True)
    return SampledPages(unit, window, [len(probed.records)], False, refused)


def _section(samples: Samples, roles: Sequence[str], now: datetime) -> Section:
    with session() as db:
        chosen = guesses(db, samples, roles, now)
        return Section(samples, chosen, _reserved(db), samples.is_table)


def _reserved(db: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Words that are no plain name of a column to DuckDB."""
    words = db.sql("from duckdb_keywords() select keyword_name, keyword_category").fetchall()
    return frozenset({"at", *(word for word, category in words if category != "unreserved")})


def _body(section: Section, roles: Sequence[str], name: str, format: str, dated: bool) -> list[str]:
    """[events] or [profiles], and its fields."""
    table = "events" if roles is EVENTS else "profiles"
    if format:
        section.put("format", format, "the names of the files do not say it")
    columns(section, roles, name, dated)
    closing(section)
    return [f"[{table}]", *section.lines, "", f"[{table}.fields]", *fields(section)]


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


def _api_section(probed: Probed) -> tuple[list[str], list[tuple[str, str, str]]]:
    """[api], and what to say of it."""
    lines, found = ["[api]"], []
    for setting, value in probed.section.items():
        why = probed.reasons.get(setting, "")
        lines += [*(comment(why) if why else []), f"{setting} = {toml(value)}"]
        found.append((f"api: {setting}", toml(value), why))
    for setting, what in probed.open.items():
        lines += comment(f"decide: {what}")
        if setting not in probed.section:
            lines.append(f"# {setting} = {{ … }}")
        found.append((f"api: {setting}", "?", what))
    return [*lines, ""], found


def _beginning(drafted: Drafted) -> Iterable[str]:
    yield from comment(
        f"Drafted by make mapping-draft, from {drafted.looked_at}. Each line is a guess under its"
        ' reason; what a person has to look at is marked "decide:".'
    )
    yield from comment(
        f"make mapping-check MAPPING={drafted.name} EVENTS_URL=… shows what it does."
    )
    yield ""


def next_commands(drafted: Drafted, settings: SampleSettings) -> list[str]:
    """What to type now."""
    where = f"MAPPING={shlex.quote(drafted.name)} EVENTS_URL={shlex.quote(redacted(drafted.url))}"
    if settings.profiles_url:
        where += f" PROFILES_URL={shlex.quote(settings.profiles_url)}"
    source = f"SOURCE={settings.connector} "
    return [
        f"make mapping-check {source}{where}"
        + (drafted.days if settings.connector == "api" else ""),
        f"make ingest {source}{where}{drafted.days}",
        "make transform",
    ]
