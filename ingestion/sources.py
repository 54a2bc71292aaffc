"""`sources.toml`: several sources, each read by its name (docs/sources.md)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

from core.addresses import Owner
from core.errors import UserError

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_CRON = re.compile(r"[-0-9*/,A-Za-z]+( [-0-9*/,A-Za-z]+){4}")
_KINDS = ("api", "files", "dlt")


@dataclass(frozen=True)
class NamedSource:
    """One source of the file.

    `SOURCE`, `url`, `profiles_url`, `resource`, `mapping`: what variables say of a single source.
    `schedule`: cron, in UTC; `owner`: who is asked about it. `region`: the one that its API is
    asked for. `calls_per_day`: requests that it may make in a UTC day; 0 for any number.
    """

    name: str
    SOURCE: str
    mapping: str
    url: str = ""
    profiles_url: str = ""
    resource: str = ""
    schedule: str = ""
    owner: str = ""
    region: str = ""
    calls_per_day: int = 0

    @property
    def variables(self) -> dict[str, str]:
        """Itself as the variables of a single source; "" for what it does not say."""
        url = self.url
        if self.region:
            url += f"{'&' if '?' in url else '?'}region={quote(self.region, safe='')}"
        return {
            "SOURCE_NAME": self.name,
            "SOURCE": self.SOURCE,
            "MAPPING": self.mapping,
            "EVENTS_URL": url,
            "PROFILES_URL": self.profiles_url,
            "RESOURCE": self.resource,
        }


def read_sources(path: Path) -> dict[str, NamedSource]:
    """The sources of a file, by name; none where it is not there.

    Raises:
        UserError: it is no TOML, or says what cannot be.
    """
    where = f"SOURCES_FILE={str(path)!r}"
    if not path.is_file():
        return {}
    try:
        document = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{where} is not valid TOML: {error}") from None
    listed = document.pop("source", [])
    if document or not listed or not all(isinstance(each, dict) for each in listed):
        raise UserError(f"{where} has to be a list of tables [[source]], and nothing else")
    found: dict[str, NamedSource] = {}
    for number, said in enumerate(listed, start=1):
        source = _source(f"{where}, source {number}", said)
        if source.name in found:
            raise UserError(f"{where} has two sources called {source.name!r}")
        found[source.name] = source
    return found


def _source(where: str, said: dict[str, Any]) -> NamedSource:
    """One table, checked."""
    known = {field.name: int if field.type == "int" else str for field in fields(NamedSource)}
    if unknown := sorted(said.keys() - known.keys()):
        raise UserError(f"{where} has unknown settings {', '.join(unknown)}")
    for name, value in said.items():
        if type(value) is not known[name]:
            wanted = "a whole number" if known[name] is int else "a text"
            raise UserError(f"{where} has {name} = {value!r}, not {wanted}")
    if lacking := [name for name in ("name", "SOURCE", "mapping") if not said.get(name)]:
        raise UserError(f"{where} has no {lacking[0]}")
    return _checked(where, NamedSource(**said))


def _checked(where: str, source: NamedSource) -> NamedSource:
    """The source; UserError where a value cannot be."""
    if not _NAME.fullmatch(source.name):
        raise UserError(f"{where} has name = {source.name!r}: use a-z, 0-9 and _")
    if source.SOURCE not in _KINDS:
        raise UserError(f"{where} has SOURCE = {source.SOURCE!r}, not one of {', '.join(_KINDS)}")
    if source.schedule and not _CRON.fullmatch(source.schedule):
        raise UserError(f"{where} has schedule = {source.schedule!r}, not five fields of cron")
    for name in ("region", "calls_per_day"):
        if getattr(source, name) and source.SOURCE != "api":
            raise UserError(f"{where} has {name}, which is of an API, but SOURCE = {source.SOURCE}")
    if source.owner:
        Owner()(f"{where} has owner", source.owner)
    if source.calls_per_day < 0:
        raise UserError(f"{where} has calls_per_day = {source.calls_per_day}, not 1 or more")
    return source


def all_sources(path: Path, name: str, variables: Mapping[str, str]) -> dict[str, NamedSource]:
    """The sources that are pulled where nobody says which: all of a file, by name.

    None where variables, or SOURCE_NAME, say that there is one.

    Args:
        path: the file.
        name: SOURCE_NAME; "" where it is not set.
        variables: those of a single source.

    Raises:
        UserError: as `read_sources`.
    """
    if name or variables.get("EVENTS_URL") or variables.get("RESOURCE"):
        return {}
    return read_sources(path)


def chosen_source(path: Path, name: str, variables: Mapping[str, str]) -> NamedSource | None:
    """The source that is meant; None where variables alone say it.

    Args:
        path: the file.
        name: SOURCE_NAME; "" where it is not set.
        variables: those of a single source.

    Raises:
        UserError: the name is none of the file's, or several are meant.
    """
    if not name and (variables.get("EVENTS_URL") or variables.get("RESOURCE")):
        return None
    found = read_sources(path)
    names = ", ".join(found)
    if name and name not in found:
        has = f"has {names}" if found else "is not there"
        raise UserError(f"SOURCE_NAME={name!r} is unknown: SOURCES_FILE={str(path)!r} {has}")
    if name or not found:
        return found.get(name)
    if len(found) > 1:
        raise UserError(f"SOURCE_NAME is not set: say which source is meant, one of {names}")
    return next(iter(found.values()))
