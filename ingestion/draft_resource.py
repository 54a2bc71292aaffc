"""A first mapping of a resource or source of dlt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from core.errors import UserError
from ingestion.drafted import Drafted, beginning, guessed, section_lines
from ingestion.mapping.dlt_shape import DltShape
from ingestion.mapping.draft.guesses import EVENTS, PROFILES
from ingestion.mapping.draft.samples import Samples
from ingestion.mapping.draft.writing import Section, comment, toml
from ingestion.sample_records import NOTHING, add_records
from ingestion.sampled_items import SampledItems, sampled_items
from ingestion.sampling import api_day
from ingestion.settings import SampleSettings
from ingestion.source.resource import Resource, find_resource, resource_delivery

_OF_EVENTS = ("event_id", "user_id", "event_type", "event_ts")
Said = tuple[str, object, str]  # a setting, its value, and why


@dataclass(frozen=True)
class _Looked:
    """One resource of a source. `name`: "" where it is the only one."""

    name: str
    items: SampledItems
    samples: Samples
    notes: list[str]


def draft_resource(
    settings: SampleSettings, path: Path, scratch: Path
) -> tuple[Drafted, list[str]]:
    """What a resource is like, and the lines of its mapping.

    Args:
        settings: which resource, and the window to ask it for: the first of those asked for, else
            yesterday.
        path: where the mapping will be.
        scratch: a folder for samples.

    Raises:
        UserError: it fails, or has no record for the window.
    """
    now, resource = datetime.now(UTC), find_resource(settings.resource)
    window = api_day(settings.asked)
    shape = DltShape(window="day" if window.is_days else "hour")
    asked = window if resource.bounds else None
    looked = []
    for name in resource.names(asked):
        delivery = resource_delivery(resource, DltShape(name, "", shape.window), "events", window)
        looked.append(_looked(name, sampled_items(delivery, scratch)))
    events, section = _of_events(looked, resource, now)
    profiles = _of_profiles([each for each in looked if each is not events], now)
    said = _said(looked, events, profiles, shape)
    body = section_lines(section, EVENTS, path.stem, "", False)
    found = [(f"dlt: {name}", str(value), why) for name, value, why in said] + section.found
    notes = [*events.notes, *_not_read(looked, events, profiles)]
    if profiles:
        _, people = profiles
        body += ["", *section_lines(people, PROFILES, path.stem, "", False)]
        found += [(f"profiles: {name}", what, why) for name, what, why in people.found]
        section.open += [f"profiles: {each}" for each in people.open]
    days = settings.asked.days if settings.asked else window.days
    span = f" FROM={days.start}" + (f" TO={days.last}" if days.last != days.start else "")
    drafted = Drafted(path, events.items.looked_at, found, section.open, notes, "", span)
    of_it = f"RESOURCE={resource.name}"
    return drafted, [*beginning(drafted, of_it), *_lines(said), *body]


def _looked(name: str, items: SampledItems) -> _Looked:
    samples = Samples()
    return _Looked(name, items, samples, add_records([items.unit], NOTHING, samples))


def _of_events(
    looked: Sequence[_Looked], resource: Resource, now: datetime
) -> tuple[_Looked, Section]:
    """The resource that is most like events.

    Raises:
        UserError: none has a record.
    """
    best: tuple[_Looked, Section] | None = None
    most = -1.0
    for each in looked:
        if each.samples.number:
            section = guessed(each.samples, EVENTS, now)
            score = sum(section.chosen[role].score for role in _OF_EVENTS if role in section.chosen)
            if score > most:
                best, most = (each, section), score
    if best:
        return best
    items = looked[0].items if looked else None
    if items and items.number:
        raise UserError(f"{resource.where} gives no record that is an object{items.of_window}")
    of = items.of_window if items else ""
    hint = ": give FROM= of a day that has some" if of else ""
    raise UserError(f"{resource.where} has no record{of}{hint}")


def _of_profiles(looked: Sequence[_Looked], now: datetime) -> tuple[_Looked, Section] | None:
    """The resource that is most like profiles; None where none says more of a user than an id."""
    best: tuple[_Looked, Section] | None = None
    most = 0.0
    for each in looked:
        if not each.samples.number:
            continue
        section = guessed(each.samples, PROFILES, now)
        score = sum(guess.score for guess in section.chosen.values())
        if "user_id" in section.chosen and {"tier", "region"} & {*section.chosen} and score > most:
            best, most = (each, section), score
    return best


def _said(
    looked: Sequence[_Looked],
    events: _Looked,
    profiles: tuple[_Looked, Section] | None,
    shape: DltShape,
) -> list[Said]:
    """What [dlt] says."""
    said: list[Said] = []
    if len(looked) > 1:
        names = ", ".join(each.name for each in looked)
        said.append(("events", events.name, f"of {names} the most like events"))
    if profiles:
        why = "it has a user, and a tier or region of theirs"
        said.append(("profiles", profiles[0].name, why))
    if shape.window != "day":
        said.append(("window", shape.window, "FROM and TO ask for hours"))
    return said


def _lines(said: Sequence[Said]) -> list[str]:
    lines = ["[dlt]"] if said else []
    for name, value, why in said:
        lines += [*comment(why), f"{name} = {toml(value)}"]
    return [*lines, ""] if said else []


def _not_read(
    looked: Sequence[_Looked], events: _Looked, profiles: tuple[_Looked, Section] | None
) -> list[str]:
    """A line that names the resources that the mapping leaves out."""
    read = {events.name} | ({profiles[0].name} if profiles else set())
    names = ", ".join(each.name for each in looked if each.name not in read)
    return [f"not read: {names}; [dlt] says which resources are"] if names else []
