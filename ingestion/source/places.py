"""What lies in a folder, or matches a template, before anybody has said which days are wanted."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import fsspec

from core.errors import UserError
from ingestion.source.files import errors_of, filesystem_of, unreadable
from ingestion.source.names import format_of, has_glob, is_data, is_http, shown

MOST_FILES = 50_000
# Stand for fields of a date while names are compared: no name has these signs.
_SIGNS = {"\ue000": "%Y", "\ue001": "%m", "\ue002": "%d", "\ue003": "%H"}
HOUR = "\ue003"
_YEAR, _MONTH, _DAY = r"((?:19|20)\d\d)", r"(0[1-9]|1[0-2])", r"(0[1-9]|[12]\d|3[01])"
_NO_DIGIT_BEFORE, _NO_DIGIT_AFTER = r"(?<!\d)", r"(?!\d)"
_HIVE = r"(?:year|y)=", r"/(?:month|m)=", r"/(?:day|d)="
_DATES = (
    re.compile(rf"(?:{_HIVE[0]}){_YEAR}(?:{_HIVE[1]}){_MONTH}(?:{_HIVE[2]}){_DAY}"),
    re.compile(rf"{_NO_DIGIT_BEFORE}{_YEAR}([-_./]?){_MONTH}\2{_DAY}(?=[T_/.-]?|$)(?!\d(?:$|\D))"),
    re.compile(rf"{_NO_DIGIT_BEFORE}{_YEAR}([-_/.]){_MONTH}{_NO_DIGIT_AFTER}"),
)
_HOUR = re.compile(r"(T|_|-|/|/hour=|/h=)([01]\d|2[0-3])(?=$|\D)")
_VARIES = re.compile(r"[0-9a-f]{8,}|\d+")
_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Place:
    """Files and how to name them. `template`: as EVENTS_URL takes it. `first`, `last`: UTC days of
    those that are there, None where the names say none. `days`: those days. `notes`: for people."""

    template: str
    days: tuple[date, ...] = ()
    notes: tuple[str, ...] = ()


def place_of(setting: str, url: str) -> Place:
    """The template of a folder's files, or a template with the days that it has files for.

    Args:
        setting: EVENTS_URL or PROFILES_URL, for messages.
        url: a folder, or a template of paths or URLs.

    Raises:
        UserError: there is nothing, or it cannot be read.
    """
    if is_http(url):
        if "%" in shown(url):
            raise UserError(
                f"FROM is not set: {setting}={shown(url)!r} cannot be listed, so give a day"
            )
        return Place(url)
    filesystem, path = filesystem_of(setting, url, url)
    try:
        if filesystem.isdir(path) and not has_glob(url):
            return _of_folder(setting, url, filesystem, path)
        found = [name for name in filesystem.glob(_as_glob(path)) if is_data(name, path)]
    except errors_of(filesystem) as error:
        raise unreadable(f"{setting}={shown(url)!r}", error, url) from None
    if not found:
        raise UserError(f"{setting}={shown(url)!r} matches no file")
    return Place(url, _days(path, found))


def _of_folder(setting: str, url: str, filesystem: fsspec.AbstractFileSystem, path: str) -> Place:
    root = path.rstrip("/") + "/"
    names = [name for name in filesystem.find(path)[:MOST_FILES] if is_data(name, f"{root}**/*")]
    below = sorted(name.removeprefix(root) for name in names)
    if not below:
        raise UserError(f"{setting}={shown(url)!r} has no file with data")
    dated = {name: _dated(name) for name in below}
    if not all(HOUR in each or each == name for name, each in dated.items()):  # a number, then
        dated = {name: _dated(name, hours=False) for name in below}
    alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name in below:
        alike[_kind(dated[name])].append(name)
    ranked = sorted(alike.values(), key=_rank)
    template = _template([dated[name] for name in ranked[0]])
    notes = [
        f"{len(each)} more, like {each[0]!r}, are not of this template" for each in ranked[1:4]
    ]
    base = url.rstrip("/").replace("%", "%%")
    escaped = re.sub(r"([*?\[])", r"[\1]", base)
    days = _days(root + template, [root + name for name in ranked[0]])
    return Place(f"{escaped}/{template}", days, tuple(notes))


def _rank(names: list[str]) -> tuple[bool, bool, int, list[str]]:
    """Files of a known suffix first, then those of days, then the kind that has most."""
    return not format_of(names[0]), _dated(names[0]) == names[0], -len(names), names


def _dated(name: str, hours: bool = True) -> str:
    """A name with signs for the parts of its date, where it has one, and maybe of its hour."""
    for pattern in _DATES:
        if found := pattern.search(name):
            spans = [
                s
                for s in range(1, pattern.groups + 1)
                if len(found[s]) in (2, 4) and found[s].isdigit()
            ]
            end = found.end(spans[-1])
            for sign, group in reversed(list(zip(_SIGNS, spans, strict=False))):
                name = name[: found.start(group)] + sign + name[found.end(group) :]
                end += 1 - len(found[group])
            hour = _HOUR.match(name, end) if hours and len(spans) == 3 else None
            if hour:
                name = name[: hour.start(2)] + HOUR + name[hour.end(2) :]
            return name
    return name


def _kind(dated: str) -> tuple[str, ...]:
    """What files of one kind have in common: what stands before the date, and the suffix; all of
    the name but its numbers where there is no date."""
    dated = _VARIES.sub("#", dated)
    last = dated.rpartition("/")[2]
    suffix = "".join(re.findall(r"\.[A-Za-z]\w*", last)[-2:]) if "." in last else ""
    ending = re.sub(r"^\.(?!csv|tsv|json|jsonl|ndjson|parquet|gz|zst)\w+", "", suffix)
    signs = [at for at in range(len(dated)) if dated[at] in _SIGNS]
    if not signs:
        return last, str(dated.count("/"))
    before = dated[: signs[0]]
    return "".join(dated[at] for at in signs), before, ending, str(dated.count("/"))


def _template(dated: Sequence[str]) -> str:
    """One template for names of a kind, part by part of their paths."""
    rows = [name.split("/") for name in dated]
    parts = (_part(sorted(set(column))) for column in zip(*rows, strict=True))
    text = "/".join(parts)
    for sign, directive in _SIGNS.items():
        text = text.replace(sign, directive)
    return text


def _part(found: list[str]) -> str:
    """What is the same at both ends of some names, and a star for the rest."""
    if len(found) == 1:
        return _escaped(found[0])
    begin = _common(found)
    begin = _without_cut(begin, [each[len(begin) :][:1] for each in found])
    rest = [each[len(begin) :] for each in found]
    end = _common([each[::-1] for each in rest])[::-1]
    end = _without_cut(end[::-1], [each[: len(each) - len(end)][-1:] for each in rest])[::-1]
    return f"{_escaped(begin)}*{_escaped(end)}"


def _without_cut(text: str, following: Sequence[str]) -> str:
    """A beginning without the word or the number that goes on in the names: by its first signs."""
    is_number = all(each.isdigit() or not each.isalnum() for each in following)
    return re.sub(r"\d+$" if is_number else r"[0-9A-Za-z]+$", "", text)


def _common(found: Sequence[str]) -> str:
    """What texts begin with, all of them."""
    first, last = min(found), max(found)
    differs = (n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
    return first[: next(differs, min(len(first), len(last)))]


def _escaped(text: str) -> str:
    """Signs of a name that mean something in a template."""
    return re.sub(r"([*?\[])", r"[\1]", text.replace("%", "%%"))


def _as_glob(template: str) -> str:
    """A template with a star for each field of a date."""
    text = re.sub(r"%[-_0^#EO]*\d*([A-Za-z%])", lambda f: "%" if f[1] == "%" else "*", template)
    parts = (part if part == "**" else re.sub(r"\*+", "*", part) for part in text.split("/"))
    return "/".join(parts)


def _days(template: str, names: Iterable[str]) -> tuple[date, ...]:
    """The days that the names say, by the fields of a template."""
    pattern = _pattern(template)
    days = set()
    for name in names:
        found = re.fullmatch(pattern, name)
        parts = found.groupdict() if found else {}
        if parts.get("year"):
            try:
                month, day = int(parts.get("month") or 1), int(parts.get("day") or 1)
                days.add(date(int(parts["year"]), month, day))
            except ValueError:
                continue
    return tuple(sorted(days))


def _pattern(template: str) -> str:
    """The expression of the names that a template gives, with the year, month and day in groups."""
    known = {"Y": ("year", r"\d{4}"), "m": ("month", r"\d\d?"), "d": ("day", r"\d\d?")}
    pattern, seen = "", set()
    for piece in re.split(r"(%[-_0^#EO]*\d*[A-Za-z%]|\*\*?|\[.[^]]*\]|\?)", template):
        letter = piece[-1] if piece.startswith("%") else ""
        if letter in known and letter not in seen:
            seen.add(letter)
            name, digits = known[letter]
            pattern += f"(?P<{name}>{digits})"
        elif letter == "F":
            pattern += r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
        elif letter and letter != "%":
            pattern += ".+?"
        elif piece.startswith("*") or (piece.startswith("[") and len(piece) > 3) or piece == "?":
            pattern += ".*"
        else:
            pattern += re.escape(
                piece[1] if piece.startswith("[") and len(piece) == 3 else piece.replace("%%", "%")
            )
    return pattern
