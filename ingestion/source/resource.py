"""SOURCE=dlt: any resource or source of dlt, a window at a time, each kept as lines of JSON.

What it yields goes the way of every other unit: a file on the disk, its digest, the mapping. dlt's
own load, its state and its hints are not used; a window that is asked for again gives all of it.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import dlt
import requests
from dlt.common.exceptions import DltException

from core.days import Window
from core.errors import Unavailable, UserError
from ingestion.mapping.dlt_shape import DltShape
from ingestion.source.fingerprints import digested
from ingestion.source.items import json_lines
from ingestion.source.unit import Found, Unit, UnitKey
from ingestion.source.windows import windows_every

LONGEST_REASON = 500  # characters; dlt lists every place where it looked for a secret
BOUNDS = ("start", "end")
PASSING = (requests.ConnectionError, requests.Timeout, ConnectionError, TimeoutError)
Made = Callable[..., object]


class _TheirErrors:
    """Makes one line of whatever the code of others raises, also where it ends the process."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """UserError for an error of theirs; Unavailable where it may pass."""
        if not isinstance(error, Exception | SystemExit) or isinstance(error, UserError):
            return
        while isinstance(error, DltException) and error.__cause__:
            error = error.__cause__
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST_REASON]
        # A cause would be printed by whoever logs tracebacks, with all that is in it.
        raise (Unavailable if isinstance(error, PASSING) else UserError)(
            f"{self._where} failed: {reason}"
        ) from None


@dataclass(frozen=True)
class Resource:
    """What RESOURCE names. `name`: as it is written there. `make`: called for each window."""

    name: str
    make: Made

    @property
    def where(self) -> str:
        """For messages."""
        return f"RESOURCE={self.name!r}"

    @property
    def bounds(self) -> dict[str, inspect.Parameter]:
        """Its parameters `start` and `end`; none where it has no window.

        Raises:
            UserError: it has one of them only.
        """
        parameters = inspect.signature(self.make).parameters
        found = {name: parameters[name] for name in BOUNDS if name in parameters}
        if len(found) == 1:
            raise UserError(f"{self.where} takes {next(iter(found))} and not both, start and end")
        return found

    def items(self, name: str, window: Window | None) -> Iterable[object]:
        """What one of its resources has for a window.

        Args:
            name: of the resource; "" for the only one.
            window: half-open, in UTC; None where it takes none.

        Raises:
            UserError: there is no such resource, or several where none is named.
        """
        found = self._made(window)
        if isinstance(found, dlt.sources.DltSource):
            return found.with_resources(self._chosen(name, list(found.selected_resources)))
        self._chosen(name, [found.name])
        resource: Iterable[object] = found
        return resource

    def names(self, window: Window | None) -> list[str]:
        """Its resources, one or more, in their order.

        Args:
            window: as of `items`.

        Raises:
            UserError: it fails.
        """
        with _TheirErrors(self.where):
            found = self._made(window)
            if isinstance(found, dlt.sources.DltSource):
                return list(found.selected_resources)
            return [found.name]

    def _made(self, window: Window | None) -> Any:
        """A source or resource of dlt; Any: it has no types."""
        found: Any = self.make
        # One made of data is complete as it is, and cannot be called.
        if not (isinstance(found, dlt.sources.DltResource) and found.args_bound):
            found = found(**({} if window is None else self._given(window)))
        if found is None:
            raise UserError(f"{self.where} returned nothing, neither records nor a resource")
        if not isinstance(found, dlt.sources.DltSource | dlt.sources.DltResource):
            found = dlt.resource(found, name=self.name.rpartition(":")[2])
        return found

    def _chosen(self, name: str, names: list[str]) -> str:
        if not name and len(names) == 1:
            return names[0]
        if name in names:
            return name
        has = f"has {', '.join(sorted(names)) or 'no resource'}"
        if name:
            raise UserError(f"{self.where} {has}; [dlt] of the mapping names {name!r}")
        raise UserError(
            f'{self.where} {has}: say in [dlt] of the mapping which is events = "…", '
            'and maybe profiles = "…"'
        )

    def _given(self, window: Window) -> dict[str, str | date | datetime]:
        bounds = zip(BOUNDS, (window.start, window.end), strict=True)
        return {name: _as_asked(self.bounds[name], moment) for name, moment in bounds}


def _as_asked(parameter: inspect.Parameter, moment: datetime) -> str | date | datetime:
    """A bound in the type of its annotation, or else of its default; without both a datetime."""
    asked = parameter.annotation
    if asked is parameter.empty:
        asked = type(parameter.default)
    words = asked if isinstance(asked, str) else getattr(asked, "__name__", str(asked))
    if words.lower().endswith("datetime"):
        return moment
    if words.endswith("date"):
        return moment.date()
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if words == "str" else moment


def find_resource(name: str) -> Resource:
    """What RESOURCE names.

    Args:
        name: `package.module:function`.

    Raises:
        UserError: it is not there, its module cannot be imported, or it is nothing to call.
    """
    where = f"RESOURCE={name!r}"
    module, colon, function = name.partition(":")
    if not colon or not all(part.isidentifier() for part in (*module.split("."), function)):
        raise UserError(f"{where} is not written package.module:function")
    with _TheirErrors(where):
        imported = importlib.import_module(module)
    made = getattr(imported, function, None)
    if made is None:
        raise UserError(f"{where}: {module} has no {function}")
    if not callable(made):
        raise UserError(f"{where} is a {type(made).__name__}, not a function or resource")
    return Resource(name, made)


@dataclass(frozen=True)
class ResourceDelivery:
    """What a resource has for every window of a range, or at all where it takes no window."""

    resource: Resource
    table: str
    name: str
    asked: list[Window]
    day: date
    left_out: int = 0  # no files
    ends: None = None

    @property
    def found(self) -> list[Found]:
        """Every window: what a resource has is known when it was asked."""
        if not self.asked:
            unit = f"{self.resource.name}.jsonl"
            return [Found(UnitKey(unit, None), unit, self.day)]
        return [
            Found(UnitKey(f"{window}", window), f"{window}.jsonl", window.days.last)
            for window in self.asked
        ]

    def is_named(self, url: str) -> bool:
        """No: it is always found again."""
        return False

    def units(self, wanted: Sequence[Found], scratch: Path) -> Iterator[tuple[Found, Unit]]:
        """See `Delivery.units`; one after the other: dlt's resources share what they remember."""
        for number, found in enumerate(wanted):
            path = scratch / f"resource-{self.table}-{number}.jsonl"
            with path.open("wb") as file:
                file.writelines(self.lines(found.key.window))
            size = path.stat().st_size
            unit = Unit(found.url, path, "jsonl", found.day, size, is_copy=True, is_known=True)
            yield found, replace(unit, digest=digested(path))

    def lines(self, window: Window | None) -> Generator[bytes]:
        """What it has for a window, one line of JSON a record, read as it is asked for."""
        of = f" for {window}" if window else ""
        with _TheirErrors(f"{self.resource.where}{of}"):
            yield from json_lines(self.resource.items(self.name, window))


def resource_delivery(
    resource: Resource, shape: DltShape, table: str, asked: Window
) -> ResourceDelivery:
    """What to ask a resource for.

    Args:
        resource: what RESOURCE names.
        shape: what the mapping says of it.
        table: "events" or "user_profiles".
        asked: the hours asked for.

    Raises:
        UserError: hours are asked for, and its windows are longer.
    """
    windows = windows_every(shape.window, resource.where, asked) if resource.bounds else []
    if not windows and not asked.is_days:
        raise UserError(f"{resource.where} takes no start and end, but FROM and TO ask for {asked}")
    return ResourceDelivery(resource, table, shape.resource(table), windows, asked.days.last)
