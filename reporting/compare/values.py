"""Why two values of a column may differ: rules that make the one of the other."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from struct import error, pack, unpack

Value = str | None
Change = tuple[Value, Value]  # as it was, as it became
_QUARTER = timedelta(minutes=15)  # of which every time zone's offset is a multiple
_MOST = 0.9  # of the rows looked at, which a rule of all of them must explain
_UNITS = {
    "to milliseconds": timedelta(milliseconds=1),
    "to seconds": timedelta(seconds=1),
    "to minutes": timedelta(minutes=1),
    "to hours": timedelta(hours=1),
    "to days": timedelta(days=1),
}


@dataclass(frozen=True)
class Explained:
    """Some changes by one rule. `which`: their places."""

    code: str
    detail: str
    which: frozenset[int]


def explained(family: str, changes: Sequence[Change]) -> list[Explained]:
    """The rules that explain changes of a column; each change by one of them at most.

    Args:
        family: what the column's values are compared as.
        changes: its values on one side, and on the other.
    """
    found: list[Explained] = []
    left = dict(enumerate(changes))
    for rule in _rules(family):
        for each in rule(left):
            found.append(each)
            left = {number: change for number, change in left.items() if number not in each.which}
    return found


Rule = Callable[[dict[int, Change]], Iterator[Explained]]


def _rules(family: str) -> tuple[Rule, ...]:
    if family in ("int", "numeric", "float"):
        return (_each(_null), _sign, _scaled, _rounded, _single)
    if family in ("date", "timestamp", "timestamptz"):
        return (_each(_null), _cut, _shifted)
    if family == "json":
        return (_each(_null), _each(_json))
    return (*map(_each, (_null, _trimmed, _case, _form, _encoding, _number, _cut_off)),)


def _each(rule: Callable[[Value, Value], tuple[str, str] | None]) -> Rule:
    """A rule of single changes as one of all: by what it says of each."""

    def grouped(changes: dict[int, Change]) -> Iterator[Explained]:
        which: dict[tuple[str, str], set[int]] = {}
        for number, (was, became) in changes.items():
            if told := rule(was, became):
                which.setdefault(told, set()).add(number)
        for (code, detail), numbers in which.items():
            yield Explained(code, detail, frozenset(numbers))

    return grouped


def _null(was: Value, became: Value) -> tuple[str, str] | None:
    if became is not None or was is None:
        return None
    return ("null_for_empty" if was == "" else "null"), ""


def _trimmed(was: Value, became: Value) -> tuple[str, str] | None:
    return ("trimmed", "") if was and became == was.strip() != was else None


def _case(was: Value, became: Value) -> tuple[str, str] | None:
    if not was or not became or was.strip().casefold() != became.casefold():
        return None
    for name in ("lower", "upper"):
        if became == getattr(became, name)():
            return "other_case", f"{name} case"
    return None


def _form(was: Value, became: Value) -> tuple[str, str] | None:
    for form in ("NFC", "NFD", "NFKC"):
        if was and became == unicodedata.normalize(form, was):
            return "unicode_form", form
    return None


def _encoding(was: Value, became: Value) -> tuple[str, str] | None:
    for name in ("cp1252", "latin1"):
        if was and not was.isascii() and became == was.encode().decode(name, "replace"):
            return "other_encoding", f"UTF-8 as {name}"
        if was and not was.isascii() and became == was.encode("ascii", "replace").decode():
            return "other_encoding", "as ASCII"
    return None


def _number(was: Value, became: Value) -> tuple[str, str] | None:
    one, other = _decimal(was), _decimal(became)
    return ("number_written_otherwise", "") if one is not None and one == other else None


def _cut_off(was: Value, became: Value) -> tuple[str, str] | None:
    return ("cut_off", "") if was and became and was.startswith(became) else None


def _decimal(text: Value) -> Decimal | None:
    try:
        number = Decimal(text or "")
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _numbers(changes: dict[int, Change]) -> dict[int, tuple[Decimal, Decimal]]:
    found = {}
    for number, (was, became) in changes.items():
        one, other = _decimal(was), _decimal(became)
        if one is not None and other is not None:
            found[number] = (one, other)
    return found


def _sign(changes: dict[int, Change]) -> Iterator[Explained]:
    which = {n for n, (was, became) in _numbers(changes).items() if was == -became}
    if which:
        yield Explained("other_sign", "", frozenset(which))


def _scaled(changes: dict[int, Change]) -> Iterator[Explained]:
    ratios: dict[Decimal, set[int]] = {}
    for number, (was, became) in _numbers(changes).items():
        if was and became:
            ratio = (became / was).quantize(Decimal("1e-9")) if was else Decimal()
            ratios.setdefault(ratio, set()).add(number)
    for ratio, which in ratios.items():
        if len(which) > 1 and len(which) >= _MOST * len(changes) and ratio > 1:
            yield Explained("scaled", f"by {ratio.normalize():f}", frozenset(which))


def _decimals(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _rounded(changes: dict[int, Change]) -> Iterator[Explained]:
    numbers = _numbers(changes)
    if not numbers:
        return
    digits = max(_decimals(became) for _, became in numbers.values())
    unit = Decimal(1).scaleb(-digits)
    longer = {n: pair for n, pair in numbers.items() if _decimals(pair[0]) > digits}
    near = {n for n, (was, became) in longer.items() if abs(was - became) <= unit / 2}
    below = {
        n
        for n, (was, became) in longer.items()
        if abs(became) <= abs(was) and abs(was - became) < unit
    }
    code, which = ("decimals_cut", below) if len(below) > len(near) else ("rounded", near)
    if which and len(which) >= _MOST * len(numbers):
        yield Explained(code, f"to {digits} decimals", frozenset(which))


def _single(changes: dict[int, Change]) -> Iterator[Explained]:
    which = {
        n for n, (was, became) in _numbers(changes).items() if _as_single(was) == float(became)
    }
    if which:
        yield Explained("single_precision", "", frozenset(which))


def _as_single(number: Decimal) -> float | None:
    try:
        return float(unpack("f", pack("f", float(number)))[0])
    except (OverflowError, error):
        return None


def _times(changes: dict[int, Change]) -> dict[int, tuple[datetime, datetime]]:
    found = {}
    for number, (was, became) in changes.items():
        one, other = _time(was), _time(became)
        if one and other:
            found[number] = (one, other)
    return found


def _time(text: Value) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _cut(changes: dict[int, Change]) -> Iterator[Explained]:
    times = _times(changes)
    for name, unit in _UNITS.items():
        which = {n for n, (was, became) in times.items() if _is_cut(was, became, unit)}
        if which and len(which) >= _MOST * len(times):
            yield Explained("time_cut", name, frozenset(which))
            return


def _is_cut(was: datetime, became: datetime, unit: timedelta) -> bool:
    epoch = datetime.fromtimestamp(0, UTC)
    return not (became - epoch) % unit and abs(was - became) < unit


def _shifted(changes: dict[int, Change]) -> Iterator[Explained]:
    times = _times(changes)
    by: dict[timedelta, set[int]] = {}
    for number, (was, became) in times.items():
        by.setdefault(became - was, set()).add(number)
    for offset, which in by.items():
        is_zone = not offset % _QUARTER and abs(offset) <= timedelta(hours=14)
        if is_zone or (len(which) > 1 and len(which) >= _MOST * len(times)):
            sign = "-" if offset < timedelta() else "+"
            zone = ", as by a time zone" if is_zone else ""
            yield Explained("shifted", f"by {sign}{abs(offset)}{zone}", frozenset(which))


def _json(was: Value, became: Value) -> tuple[str, str] | None:
    try:
        one, other = json.loads(was or ""), json.loads(became or "")
    except ValueError:
        return None
    if not isinstance(one, dict) or not isinstance(other, dict):
        return ("json_types", "") if f"{one}" == f"{other}" else None
    lost = sorted(one.keys() - other.keys())
    if lost and all(one.get(key) == value for key, value in other.items()):
        return "json_keys", ", ".join(lost)
    changed = [key for key in one if one[key] != other.get(key)]
    if changed and all(f"{one[key]}" == f"{other.get(key)}" for key in changed):
        return "json_types", ", ".join(sorted(changed))
    return None


def most_common(values: Sequence[Value]) -> tuple[Value, int]:
    """The value that is there most often, and how often."""
    [(value, count)] = Counter(values).most_common(1)
    return value, count
