"""Sample records by field: which records have it, and what is in it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from ingestion.mapping.draft.names import plain

MAX_CELLS = 2_000_000  # values in memory; 8 MiB of records have fewer
MAX_DEPTH = 4  # objects in objects whose members are looked at
MAX_LETTERS = 200  # of a value: enough to tell it from others, and what it looks like


class Number(str):
    """A JSON number as it is written: 17850.0 stays so, and 2^64 + 1 keeps every digit."""

    __slots__ = ()


@dataclass
class Field:
    """One field. `keys`: the way to it from the record. `values`: its texts by the number of the
    record, blank ones left out. `kinds`: how many are text, number, boolean, array, object.
    `files`: those whose records have it, be it empty. `also`: ways to the same by other names."""

    keys: tuple[str, ...]
    values: dict[int, str] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    files: set[str] = field(default_factory=set)
    also: tuple[tuple[str, ...], ...] = ()

    @property
    def ways(self) -> tuple[tuple[str, ...], ...]:
        """All ways to it."""
        return (self.keys, *self.also)

    @cached_property
    def counts(self) -> Counter[str]:
        """How often each value is there."""
        return Counter(self.values.values())

    @property
    def is_scalar(self) -> bool:
        """Whether it is a text or a number, but for a few records."""
        plain = self.kinds["text"] + self.kinds["number"]
        return plain >= 0.9 * max(1, self.kinds.total())

    @property
    def is_object(self) -> bool:
        """Whether it is an object, but for a few records."""
        return self.kinds["object"] >= 0.9 * max(1, self.kinds.total())

    @property
    def usual_length(self) -> float:
        """Letters of its values, on average."""
        return sum(map(len, self.values.values())) / max(1, len(self.values))

    @property
    def shown(self) -> str:
        """Its name for people."""
        return ".".join(self.keys)


@dataclass
class Samples:
    """Records, taken apart. `days`: the UTC day each was delivered on, None where files have none.
    `texts`: each as a whole. `files`: where they are from. `rejected`: by reason, those that could
    not be read. `is_table`: of CSV or Parquet, whose fields are columns and nothing deeper.
    `is_dated`: whether files say their day."""

    fields: dict[tuple[str, ...], Field] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    days: list[date | None] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    rejected: Counter[str] = field(default_factory=Counter)
    is_table: bool = False
    is_dated: bool = False
    cells: int = 0

    @property
    def number(self) -> int:
        """Records that could be read."""
        return len(self.texts)

    @property
    def is_full(self) -> bool:
        """Whether there is no room for more."""
        return self.cells >= MAX_CELLS

    @cached_property
    def distinct(self) -> list[int]:
        """One record's number of each set of exact copies."""
        return sorted({text: number for number, text in enumerate(self.texts)}.values())

    @cached_property
    def merged(self) -> list[Field]:
        """The fields, of which those that are one under two spellings, never both in one record,
        are one: a column that was renamed."""
        spelt: dict[str, list[Field]] = {}
        for each in self.fields.values():
            alike = spelt.setdefault(plain(each.keys) or each.shown, [])
            beside = next((one for one in alike if not one.files & each.files), None)
            if beside:
                beside.values |= each.values
                beside.kinds += each.kinds
                beside.files |= each.files
                beside.also += (each.keys,)
            else:
                alike.append(each)
        return [each for alike in spelt.values() for each in alike]

    def share(self, of: Field) -> float:
        """Of the records, those that have the field."""
        return len(of.values) / max(1, self.number)

    def add(self, text: str, day: date | None, file: str) -> None:
        """One more record.

        Args:
            text: a JSON object.
            file: where it is from.
            day: the UTC day it was delivered on, where its file is of one.
        """
        record = json.loads(text, parse_int=Number, parse_float=Number)
        number = len(self.texts)
        self.texts.append(text)
        self.days.append(day)
        self.files.add(file)
        for keys, value in _members(record, (), 1 if self.is_table else MAX_DEPTH):
            self._put(number, keys, value).files.add(file)

    def _put(self, number: int, keys: tuple[str, ...], value: Any) -> Field:
        found = self.fields.setdefault(keys, Field(keys))
        kind, text = _seen(value)
        if text.strip():
            found.kinds[kind] += 1
            found.values[number] = text[:MAX_LETTERS]
            self.cells += 1
        return found


def _members(
    record: dict[str, Any], above: tuple[str, ...], depth: int
) -> Iterable[tuple[tuple[str, ...], Any]]:
    """What is in an object, and in those in it. What no path of DuckDB can name is left out."""
    for key, value in record.items():
        if key and '"' not in key:
            keys = (*above, key)
            yield keys, value
            if isinstance(value, dict) and len(keys) < depth:
                yield from _members(value, keys, depth)


def as_object(value: Any) -> dict[str, Any] | None:
    """The members of an object, also of one that a column holds as text; None for others."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict) else None


def _seen(value: Any) -> tuple[str, str]:
    """What kind a value is, and its text."""
    if value is None:
        return "null", ""
    if isinstance(value, bool):
        return "boolean", str(value).lower()
    if isinstance(value, Number):
        return "number", str(value)
    if as_object(value) is not None:
        return "object", "{…}"
    if isinstance(value, str):
        return "text", value
    return "array", json.dumps(value, ensure_ascii=False)
