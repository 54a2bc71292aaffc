"""Which windows a template names: each hour, day, month or year that its finest field can tell."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from core.days import ONE_DAY, ONE_HOUR, Window
from core.errors import UserError
from ingestion.source.names import fields_of

GRAINS = {"hour": "%Y%m%d%H", "day": "%Y%m%d", "month": "%Y%m"}
_HOURS = set("HI")
_FINER = set("MSf")
# Of the same text at all times: % itself, and the zone, which is UTC.
_CONSTANT = set("%zZ")


def windows_of(setting: str, template: str, asked: Window) -> list[tuple[str, Window | None]]:
    """What a template is for each window of a range, in the order of time.

    A window is as long as the template says the same: a month of `%Y-%m`, also where only some of
    its days are asked for. A template without fields is one delivery without a window.

    Args:
        setting: its name, for messages.
        template: a URL or path with strftime fields.
        asked: the hours asked for.

    Raises:
        UserError: the template has minutes, or hours are asked for that it does not have.
    """
    fields = fields_of(template) - _CONSTANT
    if fields & _FINER:
        field = min(fields & _FINER)
        raise UserError(
            f"{setting}={template!r} has %{field}: windows are hours, days or months; "
            "write * for what is finer"
        )
    if not asked.is_days and not fields & _HOURS:
        raise UserError(
            f"{setting}={template!r} has no hours (%H), but FROM and TO ask for {asked}"
        )
    if not fields:
        return [(asked.start.strftime(template), None)]
    return list(_windows(template, asked, ONE_HOUR if fields & _HOURS else ONE_DAY))


def windows_every(unit: str, where: str, asked: Window) -> list[Window]:
    """The windows of an API for a range: each hour, day or month of which some is asked for.

    Args:
        unit: one of GRAINS.
        where: the setting and address, for messages.
        asked: the hours asked for.

    Raises:
        UserError: hours are asked for, and its windows are longer.
    """
    if unit != "hour" and not asked.is_days:
        raise UserError(
            f"{where}: FROM and TO ask for {asked}, but the API is asked for a {unit} at a time "
            '(write window = "hour" in [api] where it can give hours)'
        )
    step = ONE_HOUR if unit == "hour" else ONE_DAY
    return [window for _, window in _windows(GRAINS[unit], asked, step)]


def _windows(template: str, asked: Window, step: timedelta) -> Iterator[tuple[str, Window]]:
    at = asked.start
    while at < asked.end:
        text = at.strftime(template)
        start, end = _edge(template, text, at, -step), _edge(template, text, at, step) + step
        yield text, Window(start, end)
        at = end


def _edge(template: str, text: str, at: datetime, step: timedelta) -> datetime:
    """The farthest moment, by steps, of which the template says the same."""
    while _later(at, step).strftime(template) == text and _later(at, step) != at:
        at += step
    return at


def _later(at: datetime, step: timedelta) -> datetime:
    try:
        return at + step
    except OverflowError:  # the calendar ends here
        return at
