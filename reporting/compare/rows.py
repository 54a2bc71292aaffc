"""The rows of a day that may differ, as numbers: fetched side by side, matched by the key's hash.

No row becomes a Python object, and memory does not grow with the day: the numbers lie on the disk,
in files of as many rows as are matched at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Rows = NDArray[np.void]
AT_A_TIME = 250_000  # rows of a side that are matched in memory: some 100 bytes each
SAMPLED = 200  # keys of each kind, those with the smallest hashes: they are as good as drawn
_HEADER = 19  # bytes of COPY's binary form before the first row
_BLOCK = 4 << 20  # bytes that are taken apart at once
_FIXED = (("day", 4), ("key", 8), ("row", 8), ("late", 4), ("second", 4))


def row_type(columns: int) -> np.dtype[np.void]:
    """A row of the binary COPY of numbers without nulls: each field after its length.

    Args:
        columns: how many compared columns follow the fixed fields.
    """
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for name, size in (*_FIXED, *((f"c{number}", 4) for number in range(columns))):
        fields += [(f"length of {name}", ">i4"), (name, f">i{size}")]
    return np.dtype(fields)


class Spool:
    """Takes a COPY, and writes its rows into files by their day and the hash of their key."""

    def __init__(self, folder: Path, columns: int, files: dict[int, int]) -> None:
        """Args:
        folder: where; it is there.
        columns: compared columns of a row.
        files: by the number of the day, how many; a power of 2.
        """
        self._type = row_type(columns)
        self._folder = folder
        self._files = {
            day: [(folder / f"{day} {number}").open("wb") for number in range(count)]
            for day, count in files.items()
        }
        self._waiting = bytearray()
        self._is_begun = False

    def write(self, data: bytes) -> None:
        """Some bytes of the COPY."""
        self._waiting += data
        if len(self._waiting) >= _BLOCK:
            self._take()

    def end(self) -> None:
        """All bytes were given."""
        self._take()
        for files in self._files.values():
            for file in files:
                file.close()

    def read(self, day: int, number: int) -> Rows:
        """The rows of a file."""
        rows = np.fromfile(self._folder / f"{day} {number}", self._type)
        # Numbers of this machine's byte order are sorted in a fifth of the time.
        return rows.astype(self._type.newbyteorder("="))

    def _take(self) -> None:
        start = 0 if self._is_begun else _HEADER
        self._is_begun = True
        # The two bytes after the last row are less than a row.
        rows = np.frombuffer(
            self._waiting, self._type, (len(self._waiting) - start) // self._type.itemsize, start
        )
        for day in np.unique(rows["day"]):
            of_day, files = rows[rows["day"] == day], self._files[int(day)]
            # The bits below tell segments apart: the upper ones are still evenly spread.
            of_file = (of_day["key"].astype(np.int64) >> 40) & (len(files) - 1)
            for number, file in enumerate(files):
                file.write(of_day[of_file == number].tobytes())
        end = start + len(rows) * self._type.itemsize
        del rows
        del self._waiting[:end]


@dataclass
class Lacking:
    """Keys that a side has not and the other has: how many, how many of them were received late,
    and the first and last second of the day in which they happened."""

    keys: int = 0
    late: int = 0
    first: int = 86_400
    last: int = -1
    sample: list[int] = field(default_factory=list)


@dataclass
class Repeated:
    """Rows beyond the first of their key: the same again, and others; the most of one key."""

    same: int = 0
    others: int = 0
    keys: int = 0
    most: int = 1
    sample: list[int] = field(default_factory=list)


@dataclass
class Matched:
    """What was found in the rows of a day. By side: `lacking` what it has not, `repeated`, `late`
    the late rows that it has, `present` some of its keys. By column: `differing` rows, and `alone`
    those that differ in it alone."""

    lacking: dict[str, Lacking]
    repeated: dict[str, Repeated]
    late: dict[str, int]
    present: dict[str, list[int]]
    rows: int = 0
    differing: dict[str, int] = field(default_factory=dict)
    alone: dict[str, int] = field(default_factory=dict)
    samples: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def nothing(cls) -> Matched:
        """Nothing was found yet."""
        sides = ("left", "right")
        return cls(
            {side: Lacking() for side in sides},
            {side: Repeated() for side in sides},
            dict.fromkeys(sides, 0),
            {side: [] for side in sides},
        )

    def add(self, left: Rows, right: Rows, columns: Sequence[str]) -> None:
        """Match more rows; their keys are in no others.

        Args:
            left: rows of a file of the left side.
            right: those of the right side.
            columns: names of the compared columns, in the order of the rows' fields.
        """
        one, other = _ordered(left), _ordered(right)
        for name, rows, others in (("left", one, other), ("right", other, one)):
            self.late[name] += int(np.count_nonzero(rows["late"] == 1))
            _sample(self.present[name], rows["key"])
            _repeat(self.repeated[name], rows)
            lacks = ~_among(others["key"], rows["key"]) & _is_first(others["key"])
            _lack(self.lacking[name], others[lacks])
        self._differ(one, other, columns)

    def _differ(self, left: Rows, right: Rows, columns: Sequence[str]) -> None:
        """Keys of both, none of whose rows are the same: by their first rows."""
        same = left["key"][_among(left["row"], np.sort(right["row"]))]
        one, other = (
            rows[_is_first(rows["key"]) & ~_among(rows["key"], same)] for rows in (left, right)
        )
        one = one[_among(one["key"], other["key"])]
        other = other[_among(other["key"], one["key"])]
        self.rows += len(one)
        unlike = np.zeros((len(columns), len(one)), dtype=bool)
        for number in range(len(columns)):
            unlike[number] = one[f"c{number}"] != other[f"c{number}"]
        how_many = unlike.sum(axis=0)
        for number, name in enumerate(columns):
            if found := int(unlike[number].sum()):
                self.differing[name] = self.differing.get(name, 0) + found
                alone = int((unlike[number] & (how_many == 1)).sum())
                self.alone[name] = self.alone.get(name, 0) + alone
                sample = self.samples.setdefault(name, [])
                _sample(sample, one["key"][unlike[number]])


def _ordered(rows: Rows) -> Rows:
    return rows[np.lexsort((rows["row"], rows["key"]))]


def _among(numbers: Numbers, ordered: Numbers) -> NDArray[np.bool_]:
    """Whether each is one of others, which are in order."""
    if not len(ordered):
        return np.zeros(len(numbers), dtype=bool)
    places = np.searchsorted(ordered, numbers).clip(max=len(ordered) - 1)
    return np.asarray(ordered[places] == numbers)


def _is_first(keys: Numbers) -> NDArray[np.bool_]:
    """Of ordered keys, whether each is another one than that before."""
    first = np.ones(len(keys), dtype=bool)
    first[1:] = keys[1:] != keys[:-1]
    return first


def _repeat(into: Repeated, rows: Rows) -> None:
    again = ~_is_first(rows["key"])
    if not again.any():
        return
    same = again.copy()
    same[1:] &= rows["row"][1:] == rows["row"][:-1]
    keys, counts = np.unique(rows["key"], return_counts=True)
    into.same += int(same.sum())
    into.others += int(again.sum() - same.sum())
    into.keys += int((counts > 1).sum())
    into.most = max(into.most, int(counts.max()))
    _sample(into.sample, keys[counts > 1])


def _lack(into: Lacking, rows: Rows) -> None:
    if not len(rows):
        return
    into.keys += len(rows)
    into.late += int(np.count_nonzero(rows["late"] == 1))
    into.first = min(into.first, int(rows["second"].min()))
    into.last = max(into.last, int(rows["second"].max()))
    _sample(into.sample, rows["key"])


def _sample(into: list[int], keys: Numbers) -> None:
    into += [int(key) for key in keys[: SAMPLED - len(into)]]
