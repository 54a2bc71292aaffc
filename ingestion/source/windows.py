"""Which windows a template names: each hour, day, month or year that its finest field can tell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from core.days import ONE_DAY, ONE_HOUR, Window
from core.errors import UserError

GRAINS = {"hour": "%Y%m%d%H", "day": "%Y%m%d", "month": "%Y%m"}
# What a template tells, strftime itself is asked: it alone knows flags and widths (%-H, %02H), and
# the fields of its platform (%k, %T). By their letters %-H was a day, of which one hour was read.
# These two have no field in common but the zone.
_MOMENT, _OTHER = datetime(1999, 1, 1, tzinfo=UTC), datetime(2134, 11, 30, 13, tzinfo=UTC)
_AFTERNOON = _MOMENT.replace(hour=13)
_FINER = _MOMENT.replace(minute=34, second=56, microsecond=789)
_FIELD = re.compile(r"%[-_0^#EO]*\d*[^\d]")


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
    if _tells(template, _FINER):
        field = next((each for each in _FIELD.findall(template) if _tells(each, _FINER)), "%s")
        raise UserError(
            f"{setting}={template!r} has {field}: windows are hours, days or months; "
            "write * for what is finer"
        )
    has_hours = _tells(template, _AFTERNOON)
    if not asked.is_days and not has_hours:
        raise UserError(
            f"{setting}={template!r} has no hours (%H), but FROM and TO ask for {asked}"
        )
    if not _tells(template, _OTHER):
        return [(asked.start.strftime(template), None)]
    return list(_windows(template, asked, ONE_HOUR if has_hours else ONE_DAY))


def _tells(template: str, moment: datetime) -> bool:
    """Whether a template says something else of a moment than of `_MOMENT`."""
    return moment.strftime(template) != _MOMENT.strftime(template)


def windows_every(unit: str, where: str, asked: Window) -> list[Window]:
    """Each hour, day or month of which some is asked for: the windows of an API or a resource.

    Args:
        unit: one of GRAINS.
        where: the setting and its value, for messages.
        asked: the hours asked for.

    Raises:
        UserError: hours are asked for, and its windows are longer.
    """
    if unit != "hour" and not asked.is_days:
        raise UserError(
            f"{where}: FROM and TO ask for {asked}, but it is asked for a {unit} at a time "
            '(write window = "hour" in [api] or [dlt] of the mapping where it can give hours)'
        )
    step = ONE_HOUR if unit == "hour" else ONE_DAY
    return [window for _, window in _windows(GRAINS[unit], asked, step)]


def _windows(template: str, asked: Window, step: timedelta) -> Iterator[tuple[str, Window]]:
    at = asked.start
    while at < asked.end:
        text = at.strftime(template)
        start, last = _edge(template, text, at, -step), _edge(template, text, at, step)
        if _later(last, step) == last:
            raise UserError(
                f"TO: the window of {at:%Y-%m-%d} is the calendar's last: nothing can end after it"
            )
        yield text, Window(start, last + step)
        at = last + step


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
