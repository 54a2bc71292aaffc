"""The ledger of units: which are live, and what a delivery does to them.

A delivery of dated windows is the set of units found: what its windows held before goes, whatever
named it. A delivery without windows adds, and replaces what has the same name.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from hashlib import sha256

from psycopg2.extensions import connection as Connection

from core.days import Window
from core.errors import UserError
from ingestion.source.unit import Delivery, Found, UnitKey

# A file may change again within the same tick of its clock: some file systems, and HTTP, count
# seconds, FAT two of them. A time that was so young when it was seen proves nothing.
TICK = timedelta(seconds=2)
_COLUMNS = """unit, region, window_start, window_end, ingest_date, load_id, unit_no, rows, url,
    fingerprint, content, read_as, received_at, checked_at"""


@dataclass(frozen=True)
class LiveUnit:
    """A unit whose rows count. They are those of its load, ingest day and number.

    `url`: where it was. `fingerprint`, `content`: what it was like, None where that is not known.
    `read_as`: by which mapping, None for a whole day of the versions that knew no units.
    `received_at`: when this content first came. `checked_at`: when it was last compared.
    """

    key: UnitKey
    ingest_date: date
    load_id: str
    number: int
    rows: int
    url: str | None
    fingerprint: str | None
    content: str | None
    read_as: str | None
    received_at: datetime
    checked_at: datetime

    def has(self, found: Found) -> bool:
        """Whether a fingerprint proves that the content is the same. Of another place it proves
        nothing: on two hosts the tag "v1" is of two files."""
        text, moment = found.fingerprint.text, found.fingerprint.changed_at
        is_old = moment is None or moment < self.checked_at - TICK
        return bool(text) and (text, found.url) == (self.fingerprint, self.url) and is_old

    def is_of(self, content: str) -> bool:
        """Whether it has the content that a digest is of; one that is not known tells nothing."""
        return content != "" and self.content == content

    def is_resized(self, found: Found) -> bool:
        """Whether the sizes that both fingerprints begin with tell that the content is another."""
        texts = (self.fingerprint or "", found.fingerprint.text)
        before, now = (text.partition("-")[0] for text in texts)
        return before.isdigit() and now.isdigit() and before != now


def live_units(db: Connection, source: str, table: str, asked: Sequence[Window]) -> list[LiveUnit]:
    """The live units of a source and table that lie in some windows, and those without a window.

    Args:
        db: a connection to the warehouse.
        source: the mapping's name.
        table: "events" or "user_profiles".
        asked: the windows; what lies between them may come too.
    """
    first = min((window.start for window in asked), default=None)
    last = max((window.end for window in asked), default=None)
    with db.cursor() as cursor:
        cursor.execute(
            f"""select {_COLUMNS} from raw.units
            where live and source = %(source)s and table_name = %(table)s and (
                window_start is null or read_as is null
                or window_start < %(last)s and window_end > %(first)s
            )""",
            {"source": source, "table": table, "first": first, "last": last},
        )
        return [_live(*row) for row in cursor.fetchall()]


def also_elsewhere(
    db: Connection, source: str, table: str, contents: Mapping[UnitKey, str]
) -> list[LiveUnit]:
    """The live units of other windows that are the same file: its name, and what is in it.

    Args:
        db: a connection to the warehouse.
        source: the mapping's name.
        table: "events" or "user_profiles".
        contents: of the units that are read, the digest of each.
    """
    by_name = {key.name: (key.window, content) for key, content in contents.items() if key.window}
    with db.cursor() as cursor:
        cursor.execute(
            f"""select {_COLUMNS} from raw.units
            where live and source = %s and table_name = %s and rows > 0
                and unit = any(%s) and content = any(%s)
            order by unit, window_start""",
            (source, table, list(by_name), [content for _, content in by_name.values()]),
        )
        same = [_live(*row) for row in cursor.fetchall()]
    found = []
    for unit in same:
        window, content = by_name[unit.key.name]
        is_other = window and unit.key.window and not window.overlaps(unit.key.window)
        if is_other and unit.content == content:
            found.append(unit)
    return found


def named_units(db: Connection, name: str) -> dict[tuple[str, str], list[LiveUnit]]:
    """The live units of a name, by source and table.

    Args:
        db: a connection to the warehouse.
        name: the name, or its end after a slash; where several windows have one of the name, with
            an at sign and the window.
    """
    found: dict[tuple[str, str], list[LiveUnit]] = defaultdict(list)
    with db.cursor() as cursor:
        cursor.execute(
            f"""select source, table_name, {_COLUMNS} from raw.units
            where live and (
                unit = %(name)s or starts_with(%(name)s, unit || '@')
                or right(unit, length(%(name)s) + 1) = '/' || %(name)s
            )
            order by source, table_name, window_start""",
            {"name": name},
        )
        for source, table, *row in cursor.fetchall():
            unit = _live(*row)
            known = unit.key.name
            if known.endswith(f"/{name}") or name in (known, f"{known}@{unit.key.window}"):
                found[source, table].append(unit)
    return found


def _live(
    name: str, region: str, start: datetime | None, end: datetime | None, *rest: object
) -> LiveUnit:
    window = Window(start, end) if start and end else None
    return LiveUnit(UnitKey(name, window, region), *rest)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Plan:
    """What a delivery of one table does, as far as it can be known before anything is read.

    `live`: see `live_units`. `read_as`: the digest of today's mapping. `is_forced`: units are read
    also where they are as before. `held`: the places of units that stay as they are for now, with
    what is live in their windows.
    """

    source: str
    table: str
    delivery: Delivery
    live: list[LiveUnit]
    read_as: str
    is_forced: bool = False
    held: frozenset[str] = frozenset()

    @cached_property
    def _by_key(self) -> dict[UnitKey, LiveUnit]:
        return {unit.key: unit for unit in self.live}

    @cached_property
    def _windows(self) -> list[Window]:
        """Those of which something was found, in the order of time; they do not overlap."""
        return sorted({found.key.window for found in self.delivery.found if found.key.window})

    @cached_property
    def _kept(self) -> list[Window]:
        """The windows of live units that are gone while something there is held: until it is not,
        nothing takes their place."""
        there = [each.key.window for each in self.delivery.found if each.url in self.held]
        held = {window for window in there if window}
        gone = {unit.key.window for unit in self.live if unit.key not in self._found_again}
        return [window for window in gone if window and any(window.overlaps(each) for each in held)]

    def _is_kept(self, window: Window | None) -> bool:
        return window is not None and any(window.overlaps(each) for each in self._kept)

    @cached_property
    def _found_again(self) -> set[UnitKey]:
        """The live units that are there still, changed or not."""
        return {unit.key for found in self.delivery.found if (unit := self.before(found))}

    def before(self, found: Found) -> LiveUnit | None:
        """What the unit was until now."""
        return self._by_key.get(found.key)

    def may_stay(self, before: LiveUnit) -> bool:
        """Whether a unit need not be read where its content is the same."""
        return not self.is_forced and before.read_as == self.read_as

    def is_unchanged(self, found: Found) -> bool:
        """Whether the unit is as before, by its fingerprint."""
        if found.url in self.held:
            return True
        before = self.before(found)
        return before is not None and self.may_stay(before) and before.has(found)

    @property
    def wanted(self) -> list[Found]:
        """The units that have to be looked into."""
        return [
            found
            for found in self.delivery.found
            if not self.is_unchanged(found) and not self._is_kept(found.key.window)
        ]

    def gone(self, read: Sequence[Found]) -> list[LiveUnit]:
        """The live units that the delivery takes the place of.

        Args:
            read: its units that are not as before.

        Raises:
            UserError: only a part of a live unit lies in the windows delivered.
        """
        replaced = {unit.key: unit for found in read if (unit := self.before(found))}
        days = {found.day for found in read if found.key.window is None}
        for unit in self.live:
            if unit.key in self._found_again:
                continue
            if self._is_in_the_way(unit) or (unit.read_as is None and unit.ingest_date in days):
                replaced[unit.key] = unit
        return list(replaced.values())

    def _is_in_the_way(self, unit: LiveUnit) -> bool:
        """Whether a live unit lies in the windows of which something was found.

        Raises:
            UserError: a part of it does.
        """
        window = unit.key.window
        if window is None or self._is_kept(window):
            return False
        at = bisect_left(self._windows, window.end, key=lambda each: each.start) - 1
        if at < 0 or not window.overlaps(self._windows[at]):
            return False
        region = self.delivery.found[0].key.region
        if region and unit.key.region and unit.key.region != region:
            return False
        asked = self.delivery.asked
        if window not in Window(asked[0].start, asked[-1].end) or (region and not unit.key.region):
            part = f"{self._windows[at]}" + (f" region={region}" if region else "")
            raise UserError(
                f"MAPPING={self.source!r}: {part} is only a part of {unit.key.name}, "
                f"which was delivered before ({unit.rows:,} rows); deliver all of it, or take it "
                f"back first: make retract UNIT={unit.key.name}"
            )
        return True

    @property
    def vanished(self) -> list[LiveUnit]:
        """Live units without a window that the delivery would have found, were they there."""
        return [
            unit
            for unit in self.live
            if unit.key not in self._found_again
            and unit.url
            and not unit.key.window
            and self.delivery.is_named(unit.url)
        ]

    @property
    def fingerprint(self) -> str:
        """What tells this delivery, read by this mapping, from every other one; "" where nothing is
        known of a unit's content before it is read."""
        found = self.delivery.found
        units = [(f"{each.key}", each.url, each.fingerprint.text) for each in found]
        if not all(text for *_, text in units):
            return ""
        return sha256(f"{self.read_as} {sorted(units)}".encode()).hexdigest()

    @property
    def missing(self) -> list[Window]:
        """The windows asked for of which nothing was found."""
        there = {found.key.window for found in self.delivery.found}
        return [window for window in self.delivery.asked if window not in there]
