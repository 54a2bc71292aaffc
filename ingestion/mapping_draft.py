"""`mapping-draft`: a first mapping of a source that nobody has described."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit

from core.errors import UserError, redacted
from core.scratch import scratch_directory
from ingestion.draft_files import draft_files
from ingestion.drafted import Drafted
from ingestion.mapping.mapping import SHIPPED
from ingestion.settings import SampleSettings
from ingestion.source.names import fixed_part


def draft(settings: SampleSettings) -> Drafted:
    """Look at samples, guess, and write the mapping.

    Raises:
        UserError: the file is there already, or nothing could be read.
    """
    path = _path(settings)
    if path.exists():
        raise UserError(_is_there(settings, path))
    with scratch_directory() as scratch:
        drafted, lines = _drafted(settings, path, scratch)
    if settings.source_name and drafted.url not in ("", settings.events_url):
        drafted.open.append(f"url = {redacted(drafted.url)!r} in sources.toml")
    try:
        with path.open("x") as file:
            file.write("\n".join(lines) + "\n")
    except OSError as error:
        raise UserError(
            f"{path} cannot be written: {error.strerror}; give a path, MAPPING=/somewhere/name.toml"
        ) from error
    return drafted


def _drafted(settings: SampleSettings, path: Path, scratch: Path) -> tuple[Drafted, list[str]]:
    """By the connector. What it needs is imported for it alone: dlt takes 0.3 s, HTTP 0.1 s."""
    if settings.connector == "files":
        return draft_files(settings, path, scratch)
    if settings.connector == "dlt":
        from ingestion.draft_resource import draft_resource

        return draft_resource(settings, path, scratch)
    from ingestion.draft_api import draft_api
    from ingestion.sample_calls import counted_calls

    with counted_calls(settings) as spend:
        return draft_api(settings, path, scratch, spend)


def _is_there(settings: SampleSettings, path: Path) -> str:
    name = settings.source_name
    if name:
        return (
            f"SOURCE_NAME={name!r} has its mapping already, {path}: check it (make mapping-check "
            f"SOURCE_NAME={name}), or name another one in sources.toml"
        )
    return f"MAPPING={path.stem!r} is there already, as {path}: give another name, MAPPING=…"


def _path(settings: SampleSettings) -> Path:
    if settings.mapping.endswith(".toml"):
        return Path(settings.mapping)
    name = settings.mapping or _name(settings)
    if not re.fullmatch(r"\w+", name):
        raise UserError(f"MAPPING={name!r} is no name: give letters, digits and _, or a .toml file")
    return SHIPPED / f"{name}.toml"


def _name(settings: SampleSettings) -> str:
    """A source's name by where it is: the last folder that is always the same, the host, or the
    function."""
    if settings.connector == "dlt":
        text = settings.resource.rpartition(":")[2]
    elif settings.connector == "api":
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


def next_commands(drafted: Drafted, settings: SampleSettings) -> list[str]:
    """What to type now."""
    where = _where(drafted, settings)
    first = drafted.days.split(" TO=")[0] if settings.connector != "files" else ""
    return [
        f"make mapping-check {where}{first}",
        f"make ingest {where}{drafted.days}",
        "make transform",
    ]


def _where(drafted: Drafted, settings: SampleSettings) -> str:
    """The variables that say which source it is, and its mapping."""
    if settings.source_name:
        return f"SOURCE_NAME={settings.source_name}"
    said = {"SOURCE": settings.connector}
    if settings.connector == "dlt":
        said |= {"RESOURCE": settings.resource, "MAPPING": drafted.name}
    else:
        said |= {"MAPPING": drafted.name, "EVENTS_URL": redacted(drafted.url)}
    if settings.profiles_url:
        said["PROFILES_URL"] = settings.profiles_url
    return " ".join(f"{name}={shlex.quote(value)}" for name, value in said.items())
