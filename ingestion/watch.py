"""The files of a source, looked at again and again: which of them are new, and hold still."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from ingestion.deliveries import Look
from ingestion.mapping.mapping import load_mapping
from ingestion.settings import IngestSettings
from ingestion.source.files import FilesDelivery, NothingThere, find_files
from ingestion.source.unit import Fingerprint
from ingestion.source.windows import windows_of

# A place that tells neither a tag nor a time of what it has: so often it is read again.
UNKNOWN_SECONDS = 60
# Of a file that cannot be read: the first pause before it is tried again, and the longest.
REFUSED_SECONDS = (10, 600)
RESTLESS_SECONDS = 60  # after which it is worth a word that a file is still being written


@dataclass(frozen=True)
class Arrived:
    """What there is to land. `places`: of the files that are new, or others than when they were
    landed. `at`: when the first of them came."""

    look: Look
    places: frozenset[str]
    at: datetime


@dataclass(frozen=True)
class _Refused:
    """A file that was not taken: as what, and when it is tried again."""

    fingerprint: Fingerprint
    pause: float
    until: float


class Watch:
    """What was seen of a source's files since this process began. What is live, the ledger knows.

    A file is taken when two looks have found it the same: one that is being written is not.
    """

    def __init__(self) -> None:
        self._started = datetime.now(UTC)
        self._seen: dict[str, Fingerprint] = {}
        self._since: dict[str, datetime] = {}  # when it was first seen as it is
        self._landed: dict[str, tuple[Fingerprint, float]] = {}
        self._refused: dict[str, _Refused] = {}
        self._is_behind = False
        self._new_since: dict[str, float] = {}
        self._moving: set[str] = set()

    def look(self, settings: IngestSettings) -> Arrived | None:
        """What is new and holds still; None where nothing is.

        Args:
            settings: where, and which days.

        Raises:
            UserError: a place cannot be read.
        """
        tables = _tables(settings)
        found = {each.url: each.fingerprint for table in tables.values() for each in table.found}
        new = {url for url, fingerprint in found.items() if not self._is_landed(url, fingerprint)}
        moving = {url for url in new if self._seen.get(url) != found[url]}
        waiting = {url for url in new - moving if self._is_refused(url, found[url])}
        self._remember(found, new, moving)
        still, held = frozenset(new - moving - waiting), frozenset(moving | waiting)
        if not still and (held or not self._is_behind):
            return None
        at = min((self._arrived_at(url) for url in still), default=datetime.now(UTC))
        return Arrived(Look(dict(tables), held), still, at)

    def landed(self, places: Iterable[str], held: frozenset[str]) -> None:
        """Files are in the warehouse as the last look has found them.

        Args:
            places: theirs.
            held: of those that were left out: when they are taken, all is compared again.
        """
        now = time.monotonic()
        for url in places:
            self._landed[url] = (self._seen[url], now)
            self._refused.pop(url, None)
            self._new_since.pop(url, None)
        self._is_behind = bool(held)

    def refused(self, place: str) -> None:
        """A file could not be landed: it waits, ever longer, or until it is another one."""
        before, (first, longest) = self._refused.get(place), REFUSED_SECONDS
        is_same = before is not None and before.fingerprint == self._seen[place]
        pause = min(2 * before.pause, longest) if before and is_same else first
        self._refused[place] = _Refused(self._seen[place], pause, time.monotonic() + pause)

    @property
    def is_moving(self) -> bool:
        """Whether the last look has found a file to be another one than the look before."""
        return bool(self._moving)

    @property
    def restless(self) -> list[str]:
        """The files that have been another one in every look for long."""
        before = time.monotonic() - RESTLESS_SECONDS
        return sorted(url for url in self._moving if self._new_since[url] < before)

    def _is_landed(self, url: str, fingerprint: Fingerprint) -> bool:
        before, at = self._landed.get(url, (None, 0.0))
        is_young = time.monotonic() - at < UNKNOWN_SECONDS
        return before == fingerprint and (bool(fingerprint.text) or is_young)

    def _is_refused(self, url: str, fingerprint: Fingerprint) -> bool:
        before = self._refused.get(url)
        return (
            before is not None
            and before.fingerprint == fingerprint
            and time.monotonic() < before.until
        )

    def _remember(self, found: dict[str, Fingerprint], new: set[str], moving: set[str]) -> None:
        """Of files that are no longer there, or in no window that is asked for, nothing."""
        now, moment = time.monotonic(), datetime.now(UTC)
        self._seen = found
        self._since = {url: moment if url in moving else self._since[url] for url in new}
        self._landed = {url: at for url, at in self._landed.items() if url in found}
        self._refused = {url: each for url, each in self._refused.items() if url in found}
        self._new_since = {url: self._new_since.get(url, now) for url in new}
        self._moving = moving

    def _arrived_at(self, url: str) -> datetime:
        """When it was changed, if that was while this process looked; else when it was seen."""
        changed_at = self._seen[url].changed_at
        if changed_at and changed_at >= self._started:
            return min(changed_at, self._since[url])
        return self._since[url]


def require_template(settings: IngestSettings) -> None:
    """Refuse templates that can name no files.

    Raises:
        UserError: they have minutes, or the mapping is wrong.
    """
    load_mapping(settings.mapping)
    for setting, template in _templates(settings):
        windows_of(setting, template, settings.asked)


def _templates(settings: IngestSettings) -> list[tuple[str, str]]:
    profiles = [("PROFILES_URL", settings.profiles_url)] if settings.profiles_url else []
    return [("EVENTS_URL", settings.events_url), *profiles]


def _tables(settings: IngestSettings) -> dict[str, FilesDelivery]:
    """By table, the files that are there now."""
    mapping, found = load_mapping(settings.mapping), {}
    for table, (setting, template) in zip(mapping.tables, _templates(settings), strict=False):
        try:
            delivery = find_files(setting, template, settings.asked, table)
        except NothingThere:
            windows = windows_of(setting, template, settings.asked)
            delivery = FilesDelivery([], [window for _, window in windows if window])
        found[table.table] = delivery
    return found
