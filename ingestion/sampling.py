"""Samples of a source, for `mapping-draft` and `mapping-check`; no warehouse is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import TypeVar

from core.days import DayRange, Window
from core.errors import UserError
from ingestion.decode.heads import head_of
from ingestion.mapping.file_shape import FileShape
from ingestion.mapping.mapping import TableMapping
from ingestion.source.api import EventsApi
from ingestion.source.files import find_files
from ingestion.source.places import Place, place_of
from ingestion.source.unit import Found, Unit

DAYS = 12  # of which files are looked at, spread over all that there are
FILES = 24
BYTES = 16 * 2**20  # of all files together, unpacked
PAGES = 20  # of an API
Each = TypeVar("Each")


@dataclass(frozen=True)
class SampledFiles:
    """Files of a template. `place`: the template and its days. `units`: some of them, here.
    `refused`: a line for each that cannot be read."""

    place: Place
    units: list[Unit]
    refused: list[str] = field(default_factory=list)

    @property
    def days(self) -> DayRange | None:
        """From the first day to the last that there are files of."""
        days = self.place.days
        return DayRange.inclusive(days[0], days[-1]) if days else None

    @property
    def looked_at(self) -> str:
        """How much was looked at, for people."""
        days = {unit.day for unit in self.units}
        of = f", of {len(days)} of {len(self.place.days)} days" if self.place.days else ""
        return f"{len(self.units)} {'file' if len(self.units) == 1 else 'files'}{of}"


def sampled_files(
    setting: str, url: str, asked: Window | None, mapping: TableMapping, scratch: Path
) -> SampledFiles:
    """Some of the files of a folder or a template.

    Args:
        setting: EVENTS_URL or PROFILES_URL, for messages.
        url: a folder, or a template.
        asked: the hours to look at; None for whatever is there.
        mapping: names the format where the suffix does not.
        scratch: a folder for copies.

    Raises:
        UserError: there is nothing, or none of it can be read.
    """
    place = Place(url) if asked else place_of(setting, url)
    windows = [asked] if asked else [_day(day) for day in _spread(place.days, DAYS)]
    found: list[tuple[Callable[..., Iterator[tuple[Found, Unit]]], Found]] = []
    for window in windows or [_day(datetime.now(UTC).date())]:
        delivery = find_files(setting, place.template, window, mapping)
        most = max(1, FILES // max(1, len(windows)))
        found += [(delivery.units, each) for each in _spread(delivery.found, most)]
        if asked and delivery.asked:
            place = replace(place, days=tuple(sorted({each.day for each in delivery.found})))
    units, refused = [], []
    for number, (units_of, each) in enumerate(found):
        try:
            folder = scratch / f"{setting.lower()}-{number}"
            folder.mkdir()
            [(_, unit)] = units_of([each], folder)
            units.append(replace(unit, number=number, is_copy=False))
        except UserError as error:
            refused.append(str(error))
    if not units:
        raise UserError(refused[0])
    return SampledFiles(place, units, refused)


def heads(
    sampled: SampledFiles, shape: FileShape, scratch: Path
) -> tuple[list[Unit], list[str], int]:
    """The beginnings of sampled files, a line for each that cannot be read, and how many are not
    whole."""
    size = BYTES // len(sampled.units)
    units, refused, cut = [], [], 0
    for unit in sampled.units:
        try:
            head, is_whole = head_of(unit, shape, scratch, size)
        except UserError as error:
            refused.append(str(error))
            continue
        units.append(head)
        cut += not is_whole
    return units, refused, cut


@dataclass(frozen=True)
class SampledPages:
    """Pages of one window of an API. `records`: of each page. `is_whole`: whether they are all.
    `refused`: why the window would not be landed, "" where it would."""

    unit: Unit
    window: Window
    records: list[int]
    is_whole: bool
    refused: str = ""


def sampled_pages(api: EventsApi, window: Window, scratch: Path) -> SampledPages:
    """The first pages of a window, by the same chain that ingestion follows.

    Raises:
        UserError: not even the first one comes.
    """
    place = scratch / f"{api.table}.jsonl"
    records: list[int] = []
    refused, is_whole = "", False
    pages = api.pages(window)
    with place.open("wb") as file:
        try:
            for page in islice(pages, PAGES):
                records.append(page.count)
                if page.lines:
                    file.write(page.lines.encode() + b"\n")
            is_whole = len(records) < PAGES or next(pages, None) is None
            if is_whole:
                api.check_ends()
        except UserError as error:
            refused = str(error)
            if not records:
                raise
        size = file.tell()
    unit = Unit(f"{window}.jsonl", place, "jsonl", window.days.last, size, is_known=True)
    return SampledPages(unit, window, records, is_whole, refused)


def api_day(asked: Window | None) -> Window:
    """The window of an API that is looked at: the first one asked for, yesterday if none is."""
    if asked is None:
        return _day(datetime.now(UTC).date() - timedelta(days=1))
    return _day(asked.start.date()) if asked.is_days else asked


def is_dated(place: Place) -> bool:
    """Whether the names of files say their day."""
    return "%" in place.template.replace("%%", "")


def _spread(found: Sequence[Each], most: int) -> list[Each]:
    """Up to so many, evenly chosen; the first and the last are among them."""
    if len(found) <= most:
        return list(found)
    step = (len(found) - 1) / max(1, most - 1)
    return [found[round(number * step)] for number in range(most)]


def _day(day: date) -> Window:
    start = datetime.combine(day, time(), UTC)
    return Window(start, start + timedelta(days=1))
