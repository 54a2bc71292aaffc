"""A source that is followed: what has arrived since, landed; and when to look again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from core.days import ONE_DAY
from core.errors import Unavailable, UserError
from core.progress import Progress
from core.warehouse.connection import Warehouse
from ingestion.deliveries import Look
from ingestion.ingest import ingest
from ingestion.land.call_budget import calls_left
from ingestion.mapping.mapping import load_mapping
from ingestion.outcome import IngestResult
from ingestion.settings import IngestSettings
from ingestion.watch import Arrived, Watch

# Between two looks, and until a file that was new is looked at again, which two looks have to find
# the same.
DISK_SECONDS = (0.5, 0.5)
STORE_SECONDS = (10.0, 1.0)
ASKED_SECONDS = 60.0
# Looking takes at most a tenth of the time, however many files there are.
PAUSE_PER_LOOK = 9


@dataclass(frozen=True)
class Landed:
    """A load. `at`: when the first of it came."""

    result: IngestResult
    at: datetime


class Followed(Protocol):
    """A source that is looked at again and again."""

    @property
    def pause(self) -> float:
        """Seconds until the next look."""

    def land(
        self, settings: IngestSettings, warehouse: Warehouse, progress: Progress
    ) -> Iterator[Landed]:
        """Land what has arrived since, in as few loads as may be; nothing where nothing has.

        Args:
            settings: where, and which days.
            warehouse: where to.
            progress: is told what cannot be read.

        Raises:
            UserError: the source or the warehouse failed.
        """


def followed(settings: IngestSettings, seconds: int) -> Followed:
    """What follows a source.

    Args:
        settings: of the source.
        seconds: between two looks; 0 for what suits the source.
    """
    if settings.connector == "files":
        usual = STORE_SECONDS if _is_remote(settings) else DISK_SECONDS
        return Files(*(seconds, seconds) if seconds else usual)
    return Asked(seconds or ASKED_SECONDS)


def name_of(settings: IngestSettings) -> str:
    """What the source is called; UserError where its mapping is none."""
    return settings.source_name or load_mapping(settings.mapping).name


def _is_remote(settings: IngestSettings) -> bool:
    return "://" in settings.events_url and not settings.events_url.startswith("file://")


class Files:
    """Files, found by looking."""

    def __init__(self, seconds: float, still: float) -> None:
        self._seconds = seconds
        self._still = still
        self._watch = Watch()
        self.took = 0.0  # seconds, the last look

    @property
    def pause(self) -> float:
        """See `Followed.pause`."""
        pause = self._still if self._watch.is_moving else self._seconds
        return max(pause, PAUSE_PER_LOOK * self.took)

    def land(
        self, settings: IngestSettings, warehouse: Warehouse, progress: Progress
    ) -> Iterator[Landed]:
        """See `Followed.land`."""
        started = time.monotonic()
        arrived = self._watch.look(settings)
        self.took = time.monotonic() - started
        for url in self._watch.restless:
            progress.tell(f"{url} is still being written: it is landed when it holds still")
        if arrived is not None:
            for result in self._landed((settings, warehouse, progress), arrived, arrived.places):
                yield Landed(result, arrived.at)

    def _landed(
        self,
        where: tuple[IngestSettings, Warehouse, Progress],
        arrived: Arrived,
        places: frozenset[str],
    ) -> Iterator[IngestResult]:
        """Some of the files in one load. Where that is refused, in two, and so on: one that nobody
        can read holds up no other."""
        held = arrived.look.held | (arrived.places - places)
        try:
            result = ingest(*where, Look(arrived.look.deliveries, held))
        except Unavailable:
            raise
        except UserError as error:
            if not places:
                raise
            if len(places) > 1:
                half = frozenset(sorted(places)[: len(places) // 2])
                yield from self._landed(where, arrived, half)
                yield from self._landed(where, arrived, places - half)
                return
            [place] = places
            self._watch.refused(place)
            where[2].tell(f"error: {error} ({place} waits, the others go on)")
            return
        self._watch.landed(places, held)
        yield result


class Asked:
    """An API, or a resource of dlt: what it has for all days is asked each time, and compared."""

    def __init__(self, seconds: float) -> None:
        self.pause = seconds
        self._seconds = seconds

    def land(
        self, settings: IngestSettings, warehouse: Warehouse, progress: Progress
    ) -> Iterator[Landed]:
        """See `Followed.land`."""
        at = datetime.now(UTC)
        before = _left(settings, warehouse)
        result = ingest(settings, warehouse, progress)
        left = _left(settings, warehouse)
        self.pause = max(self._seconds, spread(before - left, left, at))
        yield Landed(result, at)


def _left(settings: IngestSettings, warehouse: Warehouse) -> int:
    if not settings.calls_per_day:
        return 0
    with closing(warehouse.connect()) as db:
        return calls_left(db, name_of(settings), settings.calls_per_day)


def spread(spent: int, left: int, now: datetime) -> float:
    """Seconds until as many calls may be made again, so that those of a UTC day last to its end."""
    midnight = datetime.combine(now.date() + ONE_DAY, datetime.min.time(), UTC)
    until = (midnight - now) / timedelta(seconds=1)
    if spent <= 0:
        return 0.0
    return until * spent / left if left >= spent else until
