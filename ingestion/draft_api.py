"""A first mapping of an API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from core.days import Window
from core.errors import UserError
from ingestion.drafted import Drafted, beginning, guessed, section_lines
from ingestion.mapping.api_shape import read_api
from ingestion.mapping.draft.guesses import EVENTS
from ingestion.mapping.draft.samples import Samples
from ingestion.mapping.draft.writing import comment, toml
from ingestion.sample_records import NOTHING, add_records
from ingestion.sampling import SampledPages, api_day, sampled_pages
from ingestion.settings import SampleSettings
from ingestion.source.api import EventsApi
from ingestion.source.auth import made_auth
from ingestion.source.http_client import HttpClient
from ingestion.source.names import shown
from ingestion.source.probe import Probed, probe
from ingestion.source.unit import PageEnds, Unit


def draft_api(
    settings: SampleSettings, path: Path, scratch: Path, spend: Callable[[], None]
) -> tuple[Drafted, list[str]]:
    """How an API is asked, what its records are like, and the lines of its mapping.

    Args:
        settings: where it is, and the day to ask it for.
        path: where the mapping will be.
        scratch: a folder for samples.
        spend: called before each request.

    Raises:
        UserError: it does not answer, or has no record for the day.
    """
    window, now = api_day(settings.asked), datetime.now(UTC)
    client = HttpClient(made_auth({}, settings.api_token, {}), 1, on_request=spend)
    probed = probe(client, settings.events_url, window.start.date())
    query = urlsplit(settings.events_url).query
    kept = "&".join(part for part in query.split("&") if part and "{" not in part)
    url = f"{probed.base}?{kept}" if kept else probed.base
    pages = _followed(probed, client, url, window, scratch)
    samples = Samples()
    notes = add_records([pages.unit], NOTHING, samples)
    if not samples.number:
        raise UserError(f"EVENTS_URL={shown(url)!r} answers no record that is an object")
    section = guessed(samples, EVENTS, now)
    body = section_lines(section, EVENTS, path.stem, "", False)
    lines, found = _api_section(probed)
    counts = ", ".join(map(str, pages.records))
    some = "" if pages.is_whole else " and more"
    looked_at = (
        f"{samples.number:,} records of {window} on {len(pages.records)} pages ({counts}{some}),"
        f" {probed.requests} requests to find out"
    )
    span = f" FROM={window.days.start}"
    is_open = [*(f"api: {each}" for each in probed.open), *section.open]
    drafted = Drafted(path, looked_at, [*found, *section.found], is_open, notes, url, span)
    return drafted, [*beginning(drafted), *lines, *body]


def _followed(
    probed: Probed, client: HttpClient, url: str, window: Window, scratch: Path
) -> SampledPages:
    """The pages of a window, as far as they come; what is not sure of them is open then."""
    try:
        pages = _pages(probed, client, url, window, scratch)
    except UserError as error:  # the mapping is for a person to finish, with what came
        pages = _first_page(probed, window, scratch, str(error))
    if not pages.is_whole and 0 in pages.records:
        probed.section["paginator"]["stop_after_empty_page"] = True
        probed.reasons["paginator"] += "; also an empty page names a next one"
        pages = _pages(probed, client, url, window, scratch)
    if pages.refused and "paginator" not in probed.open:
        probed.open["paginator"] = pages.refused
    return pages


def _pages(
    probed: Probed, client: HttpClient, url: str, window: Window, scratch: Path
) -> SampledPages:
    """The pages of a window, as ingestion will follow them."""
    shape = read_api(probed.section, "the draft")
    api = EventsApi("EVENTS_URL", url, "events", shape.events, client, PageEnds(""))
    try:
        return sampled_pages(api, window, scratch)
    finally:
        api.close()


def _first_page(probed: Probed, window: Window, scratch: Path, refused: str) -> SampledPages:
    """The page that came while the API was probed, where no more could be."""
    place = scratch / "first.jsonl"
    place.write_text("\n".join(probed.records))
    day, size = window.days.last, place.stat().st_size
    unit = Unit(f"{window}.jsonl", place, "jsonl", day, size, is_known=True)
    return SampledPages(unit, window, [len(probed.records)], False, refused)


def _api_section(probed: Probed) -> tuple[list[str], list[tuple[str, str, str]]]:
    """[api], and what to say of it."""
    lines, found = ["[api]"], []
    for setting, value in probed.section.items():
        why = probed.reasons.get(setting, "")
        lines += [*(comment(why) if why else []), f"{setting} = {toml(value)}"]
        found.append((f"api: {setting}", toml(value), why))
    for setting, what in probed.open.items():
        lines += comment(f"decide: {what}")
        if setting not in probed.section:
            lines.append(f"# {setting} = {{ … }}")
        found.append((f"api: {setting}", "?", what))
    return [*lines, ""], found
