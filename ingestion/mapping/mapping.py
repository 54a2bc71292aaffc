"""Declarative mappings: a TOML file says how a foreign record becomes the canonical one.

A mapping names the fields it needs (`[events.fields]`: name = where it is in the record), then
gives one DuckDB expression over those names per canonical column. Two more names are always
there: `file` (the file's base name) and `ingest_date`. `docs/mapping.md` is the user's guide.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from core.errors import UserError
from ingestion.mapping.api_shape import ApiShape, read_api
from ingestion.mapping.cleaning import Cleaning, check_users, read_cleaning
from ingestion.mapping.dlt_shape import DltShape, read_dlt
from ingestion.mapping.file_shape import FileShape, file_shapes
from ingestion.mapping.section_types import check_types

SHIPPED = Path(__file__).parent
FORMATS = ("jsonl", "ndjson", "json", "csv", "tsv", "parquet")
EPOCHS = {
    "epoch_seconds": 1,
    "epoch_millis": 1_000,
    "epoch_micros": 1_000_000,
    "epoch_nanos": 1_000_000_000,
}
NO_ZONES = ("Factory", "localtime")  # files of the IANA database that name no place's time
EVENT_COLUMNS = ("event_id", "user_id", "event_type", "event_ts", "region")
PROFILE_COLUMNS = ("user_id", "tier", "region", "updated_at")
# What the queries call something themselves, beside `_` and a canonical column.
TAKEN = {"file", "ingest_date"} | {
    f"_{name}"
    for name in (
        *("no", "record", "line", "malformed", "others", "lifted", "time", "found", "faulty"),
        *("usual_time", "parts", "midnight", "wall", "unit", "said", "deleted"),
    )
}


@dataclass(frozen=True)
class TableMapping:
    """How one table's records are read.

    `columns`: canonical column -> DuckDB expression over the names in `fields`.
    `fields`: name -> the places it may be in, the first that is there wins.
    `time_format`: "iso", one of EPOCHS, or strptime formats tried in order.
    `timezone`: the IANA zone whose wall time a time without a zone is.
    `without_time`: "delivery" where a profile without a time holds from the start of the UTC day it
    was delivered for; "" where it is rejected.
    `optional`: names in `fields` that a CSV or Parquet file may lack; they are null then.
    `consumes`: top-level fields of the record that the columns hold whole, so not in payload.
    `deleted`: the expression of whether a record says that its event was deleted; "" for none.
    `lift`: the field whose members become payload's own; "" for none.
    `format`: of its files, where their names do not say; "" for none.
    `files`: how those are written.
    `cleaning`: what is taken out of a record first.
    """

    table: str
    columns: dict[str, str]
    fields: dict[str, tuple[str, ...]]
    time_column: str
    time_format: str | tuple[str, ...] = "iso"
    timezone: str = "UTC"
    without_time: str = ""
    format: str = ""
    optional: tuple[str, ...] = ()
    consumes: tuple[str, ...] = ()
    deleted: str = ""
    lift: str = ""
    files: FileShape = field(default_factory=FileShape)
    cleaning: Cleaning = field(default_factory=Cleaning)


@dataclass(frozen=True)
class Mapping:
    """One source, under the name of its mapping. `digests`: by table, of all that says how a record
    is read: where it is another one, so may be the rows."""

    name: str
    events: TableMapping
    profiles: TableMapping | None = None
    api: ApiShape = field(default_factory=partial(read_api, {}, ""))
    dlt: DltShape = field(default_factory=DltShape)
    digests: dict[str, str] = field(default_factory=dict)

    @property
    def tables(self) -> list[TableMapping]:
        """Those that the source has: events, and maybe profiles."""
        return [self.events, *([self.profiles] if self.profiles else [])]


def available() -> list[str]:
    """The names that MAPPING accepts."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def load_mapping(name: str) -> Mapping:
    """Read a mapping by its name in `ingestion/mapping/`, or by the path of a .toml file.

    Raises:
        UserError: there is no such mapping, or the file is not a valid one.
    """
    path = Path(name) if name.endswith(".toml") else SHIPPED / f"{name}.toml"
    if not path.is_file():
        raise UserError(f"MAPPING={name!r} is unknown: use one of {', '.join(available())}")
    try:
        document = tomllib.loads(path.read_text("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"MAPPING={name!r} is not valid TOML: {error}") from error
    where = f"MAPPING={name!r}"
    for section in document.keys() - {"events", "profiles", "api", "dlt", "files"}:
        raise UserError(f"{where}: unknown section [{section}]")
    if "events" not in document:
        raise UserError(f"{where}: the section [events] is missing")
    for section, content in document.items():
        if not isinstance(content, dict):
            raise UserError(f"{where}: {section} is {content!r}, not a section")
    _check_profiles(where, document)
    events, profiles = _tables(where, document)
    return Mapping(
        name=path.stem,
        events=events,
        profiles=profiles,
        api=read_api(document.get("api", {}), where),
        dlt=read_dlt(document.get("dlt", {}), where),
        digests={
            "events": _digest(document, "events"),
            "user_profiles": _digest(document, "profiles"),
        },
    )


def _tables(where: str, document: dict[str, Any]) -> tuple[TableMapping, TableMapping | None]:
    """Both sections."""
    of_events, of_profiles = file_shapes(where, document.get("files", {}))
    described, profiles = document["events"], document.get("profiles")
    events = _table(where, "events", described, EVENT_COLUMNS, "event_ts")
    cleaning = read_cleaning(f"{where}: events", described)
    events = replace(events, files=of_events, cleaning=cleaning)
    if not profiles:
        return events, None
    found = _table(where, "user_profiles", profiles, PROFILE_COLUMNS, "updated_at")
    cleaning = read_cleaning(f"{where}: profiles", profiles)
    check_users(where, described, profiles)
    return events, replace(found, files=of_profiles, cleaning=cleaning)


def _check_profiles(where: str, document: dict[str, Any]) -> None:
    """Refuse what is said of profiles where nothing says how to read them."""
    for section in ("api", "dlt", "files"):
        if "profiles" in document.get(section, {}) and "profiles" not in document:
            raise UserError(
                f"{where}: [{section}.profiles] needs a section [profiles] that reads them"
            )


def _digest(document: dict[str, Any], section: str) -> str:
    """Of what is said of a table and its files; events do not know of those of profiles."""
    files = document.get("files")
    if section == "events" and files:
        files = {name: value for name, value in files.items() if name != "profiles"}
    said = json.dumps([document.get(section), files], sort_keys=True, default=str)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _table(
    where: str, table: str, section: dict[str, Any], columns: tuple[str, ...], time_column: str
) -> TableMapping:
    """One section of the file, checked."""
    time_key = f"{time_column}_format"
    known = {*columns, "fields", "optional", "consumes", "lift", "format", "timezone", time_key}
    known |= {"drop", "hash"} | ({"deleted"} if table == "events" else {"without_time"})
    unknown = section.keys() - known
    if unknown:
        raise UserError(f"{where}: {table} has unknown settings {', '.join(sorted(unknown))}")
    check_types(where, table, section, time_key)
    missing = [column for column in columns if column not in section]
    if missing:
        raise UserError(f"{where}: {table} gives no expression for {', '.join(missing)}")
    if section.get("format", "") not in ("", *FORMATS):
        raise UserError(f"{where}: format {section['format']!r} is not one of {', '.join(FORMATS)}")
    if section.get("without_time", "") not in ("", "delivery"):
        raise UserError(f"{where}: without_time {section['without_time']!r} is not 'delivery'")
    time_format = section.get(time_key, "iso")
    if isinstance(time_format, str) and time_format not in ("iso", *EPOCHS):
        time_format = [time_format]
    _check_formats(where, time_key, time_format)
    places = section.get("fields", {})
    _check_names(where, table, places, columns)
    return TableMapping(
        table=table,
        columns={column: section[column] for column in columns},
        fields={name: (at,) if isinstance(at, str) else tuple(at) for name, at in places.items()},
        time_column=time_column,
        time_format=time_format if isinstance(time_format, str) else tuple(time_format),
        timezone=_timezone(where, table, section.get("timezone", "UTC")),
        without_time=section.get("without_time", ""),
        format=section.get("format", ""),
        optional=tuple(section.get("optional", ())),
        consumes=tuple(section.get("consumes", ())),
        deleted=section.get("deleted", ""),
        lift=section.get("lift", ""),
    )


def _check_formats(where: str, setting: str, formats: str | list[str]) -> None:
    """Refuse what strptime would take for a text that every time has to be, such as a typo."""
    for each in formats if isinstance(formats, list) else ():
        if "%" not in each:
            known = ", ".join(("iso", *EPOCHS))
            raise UserError(
                f"{where}: {setting} {each!r} is not one of {known}, and no format of strptime"
            )


def _check_names(where: str, table: str, places: dict[str, Any], columns: tuple[str, ...]) -> None:
    """Refuse a name for a field that the queries use for something else, in any case."""
    taken = {*TAKEN, *(f"_{column}" for column in columns)}
    for name in places:
        if name.lower() in taken:
            raise UserError(
                f"{where}: {table} calls a field {name!r}, a name that is taken: write another "
                f"before the = (the column itself may be called so)"
            )
        taken.add(name.lower())


def _timezone(where: str, table: str, zone: object) -> str:
    """The name of an IANA zone, checked."""
    if zone != "UTC" and (zone in NO_ZONES or zone not in available_timezones()):
        raise UserError(
            f"{where}: {table} has timezone = {zone!r}: give a name of the IANA database, "
            "like Europe/London"
        )
    return str(zone)
