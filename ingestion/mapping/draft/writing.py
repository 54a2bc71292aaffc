"""Guesses as the text of a mapping, each line under its reason."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from textwrap import wrap

from core.errors import redacted
from ingestion.mapping.draft.guesses import TIMES, Guess, lifted, near_id, persons
from ingestion.mapping.draft.identity import identity
from ingestion.mapping.draft.samples import Field, Samples
from ingestion.mapping.duck_sql import quoted
from ingestion.mapping.mapping import TAKEN

WIDTH = 98
DECIDE = "decide:"
MOST_TIMES = 0.9  # of the values are read: else a person has to say how


@dataclass
class Section:
    """[events] or [profiles]. `lines`: of the TOML. `found`: by column, what was chosen and why.
    `open`: what a person has to decide. `names`: the fields by their names in expressions."""

    samples: Samples
    chosen: dict[str, Guess]
    reserved: frozenset[str]
    is_table: bool
    lines: list[str] = field(default_factory=list)
    found: list[tuple[str, str, str]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    names: dict[str, Field] = field(default_factory=dict)

    def alias(self, of: Field) -> str:
        """The name of a field in expressions."""
        for name, known in self.names.items():
            if known is of:
                return name
        snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", of.keys[-1])
        words = re.sub(r"[^a-z0-9]+", "_", snake.lower()).strip("_") or "field"
        if words in self.reserved or words in TAKEN or words[0].isdigit():
            words = f"field_{words}"
        name, number = words, 2
        if name in self.names and len(of.keys) > 1:
            name = re.sub(r"[^a-z0-9]+", "_", f"{of.keys[-2]}_{words}".lower()).strip("_")
        while name in self.names or name[0].isdigit():
            name, number = f"{words}_{number}", number + 1
        self.names[name] = of
        return name

    def say(self, *comments: str) -> None:
        """Comment lines."""
        for each in comments:
            self.lines += comment(each)

    def put(self, setting: str, value: object, why: str = "") -> None:
        """A setting under its reason."""
        if why:
            self.say(why)
        self.lines.append(f"{setting} = {toml(value)}")

    def undecided(self, setting: str, value: object, what: str) -> None:
        """A line that a person has to decide, commented out."""
        self.say(f"{DECIDE} {what}")
        self.lines.append(f"# {setting} = {toml(value)}")
        self.open.append(setting)
        self.found.append((setting, "?", what))


def comment(text: str) -> list[str]:
    """A text as lines of a comment, without secrets: a link of an API may have a key in it."""
    return [f"# {line}" for line in wrap(redacted(text), WIDTH - 2)]


def toml(value: object) -> str:
    """A value as TOML: JSON but for its tables, and for signs beyond ASCII."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def columns(section: Section, roles: Sequence[str], name: str, is_dated: bool) -> None:
    """The expressions of all columns.

    Args:
        section: is written to.
        roles: the columns.
        name: of the mapping: the type of events that have none.
        is_dated: whether the names of the files say their day.
    """
    for role in roles:
        if guess := section.chosen.get(role):
            _guessed(section, role, guess)
        elif role == "event_id":
            _computed_id(section)
        elif role in TIMES:
            _no_time(section, role, is_dated)
        elif role == "user_id":
            _no_user(section)
        elif role == "event_type":
            section.put(
                role,
                quoted(name),
                f"no field says what happened, so all are one type; {DECIDE} its name",
            )
            section.found.append((role, quoted(name), "no field says what happened"))
        else:
            section.put(role, "null", "no field is one")
            section.found.append((role, "null", "no field is one"))


def _guessed(section: Section, role: str, guess: Guess) -> None:
    expression = section.alias(guess.field)
    why = guess.why
    if role in ("user_id", "event_id") and guess.is_decimal:
        expression = f"regexp_replace({expression}, '\\.0$', '')"
        why += "; 17.0 is 17: something took the numbers for fractions"
    section.put(role, expression, f"{guess.field.shown}: {why}")
    if guess.other:
        section.say(f"close to it: {guess.other}")
    section.found.append((role, guess.field.shown, why))
    if guess.moments:
        _time(section, role, guess)


def _time(section: Section, role: str, guess: Guess) -> None:
    """How the time is written, and what is not sure of it."""
    read = guess.moments
    assert read is not None  # noqa: S101 - of times alone
    written = read.format if isinstance(read.format, str) else list(read.format)
    if written != "iso":
        why = "by the size of the numbers" if isinstance(written, str) else "by trying"
        section.put(f"{role}_format", written, why)
        section.found.append((f"{role}_format", toml(written), why))
    if read.share < MOST_TIMES:
        shown = next(iter(guess.field.counts))
        section.undecided(f"{role}_format", "%d.%m.%Y", f"not all are read, such as {shown!r}")
    if read.other:
        section.undecided(f"{role}_format", [read.other], f"{read.other} reads them as well")
    if read.is_without_zone and read.share >= MOST_TIMES:
        section.say(f"{DECIDE} the times have no zone, so they are UTC; else whose wall time:")
        section.lines.append('# timezone = "Europe/London"')
        section.open.append("timezone")


def _computed_id(section: Section) -> None:
    chosen = section.chosen
    first = [chosen[role].field for role in ("event_ts", "user_id") if role in chosen]
    fields, told = identity(section.samples, first)
    parts = ", ".join(f"coalesce({section.alias(each)}, '')" for each in fields)
    expression = f"md5(concat_ws('|', {parts}))" if len(fields) > 1 else section.alias(fields[0])
    why = "no field is one: all fields together, so exact copies are one event"
    if told < 1:
        why = f"no field is one: these tell {told:.1%} of records apart; {DECIDE} if that will do"
    section.put("event_id", expression, why)
    if near := near_id(section.samples):
        section.say(near)
    section.found.append(("event_id", f"of {len(fields)} fields", why))


def _no_time(section: Section, role: str, is_dated: bool) -> None:
    if role == "updated_at":
        section.put(role, "null", "no field is one: a profile holds from the day of its delivery")
        section.put("without_time", "delivery")
        section.found.append((role, "delivery", "no field is one"))
    elif is_dated:
        why = f"no field is a time: the start of the file's day; {DECIDE} if that will do"
        section.put(role, "ingest_date::varchar", why)
        section.found.append((role, "ingest_date", "no field is a time"))
    else:
        section.undecided(role, "…", "no field reads as a time, and the files have no day")


def _no_user(section: Section) -> None:
    used = [guess.field for guess in section.chosen.values()]
    near = persons(section.samples, used)
    known = f"; values that come again: {', '.join(near)}" if near else ""
    section.undecided("user_id", "…", f"no field is named like a user{known}")


def closing(section: Section) -> None:
    """What leaves the properties, what may be absent, and where the fields are."""
    whole = [
        way[0] for guess in section.chosen.values() for way in guess.field.ways if len(way) == 1
    ]
    if whole:
        section.put("consumes", sorted(whole), "held by columns, so not in properties too")
    used = [guess.field for guess in section.chosen.values()]
    if inner := lifted(section.samples, used):
        section.put("lift", inner.keys[0], f"{inner.shown}: its members become those of properties")
    absent = [name for name, each in section.names.items() if each.files != section.samples.files]
    if section.is_table and absent:
        section.put("optional", absent, "columns that some of the files lack")


def fields(section: Section) -> Iterable[str]:
    """The lines of [events.fields]."""
    for name, each in section.names.items():
        places = [_place(way, section.is_table) for way in each.ways]
        yield f"{name} = {toml(places[0] if len(places) == 1 else places)}"


def _place(way: tuple[str, ...], is_table: bool) -> str:
    """Where a field is, as [events.fields] says it. A name with a dot in it is quoted."""
    if is_table and len(way) == 1:
        return way[0]
    if any("." in key or key.startswith("$") or key == "" for key in way):
        return "$" + "".join(f'."{key}"' for key in way)
    return ".".join(way)
