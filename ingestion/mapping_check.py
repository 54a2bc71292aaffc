"""`mapping-check`: what a mapping makes of sample records, by the queries that ingestion runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from core.days import Window
from core.errors import UserError
from core.progress import Progress
from core.scratch import scratch_directory
from core.settings import read_settings
from ingestion.decode.readers import read
from ingestion.deliveries import deliveries
from ingestion.mapping.landing_schema import SCHEMAS
from ingestion.mapping.mapping import Mapping, TableMapping, load_mapping
from ingestion.mapping.reading import Reading
from ingestion.mapping.reasons import DELETION
from ingestion.outcome import CALLED
from ingestion.sampling import SampledPages, api_day, heads, sampled_files, sampled_pages
from ingestion.settings import IngestSettings, SampleSettings
from ingestion.source.api import ApiDelivery
from ingestion.source.unit import PageEnds, Unit

SHOWN = 6  # accepted records, one of each type as far as there are types
SHOWN_REJECTS = 2  # of each reason
Row = dict[str, Any]  # Any: a column's own type


@dataclass
class CheckedTable:
    """What samples of one table become. `rows`: some that are accepted; `rejects`: some of each
    reason. `kept`: fields that go to properties, with the share of the records that have them.
    `pairs`: rows by their user and event. `problems`: what ingestion would refuse, a line each."""

    table: str
    looked_at: str
    reading: Reading
    received: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    rows: list[Row] = field(default_factory=list)
    rejects: dict[str, list[Row]] = field(default_factory=dict)
    keys: list[pa.Table] = field(default_factory=list)
    first: datetime | None = None
    last: datetime | None = None
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def called(self) -> str:
        """Events, or user profiles."""
        return CALLED[self.table]

    @property
    def deletions(self) -> int:
        """Records that say that an event was deleted."""
        return self.reasons[DELETION]

    @property
    def rejected(self) -> int:
        """Records that would be quarantined."""
        return self.reasons.total() - self.deletions

    @property
    def accepted(self) -> int:
        """Records that would be events, or deletions of them."""
        return self.received - self.rejected

    @property
    def repeated(self) -> int:
        """Accepted records whose id and user are those of another one."""
        if not self.keys:
            return 0
        keys = pa.concat_tables(self.keys)
        return len(keys) - len(keys.group_by(keys.column_names).aggregate([]))

    @property
    def kept(self) -> list[tuple[str, float]]:
        """The fields that no column holds, the most frequent first."""
        mapping, fields = self.reading.mapping, self.reading.fields
        gone = {*mapping.consumes, mapping.lift, *mapping.cleaning.drop}
        shares = [
            (name, fields.records(name) / max(1, fields.sampled))
            for name in fields.types
            if name not in gone
        ]
        return sorted(shares, key=lambda each: (-each[1], each[0]))


@dataclass(frozen=True)
class Checked:
    """A mapping against samples. `paging`: what was seen of pages, a line each."""

    mapping: str
    url: str
    tables: list[CheckedTable]
    paging: list[str] = field(default_factory=list)

    def refuse(self) -> None:
        """Say that the mapping is not ready.

        Raises:
            UserError: no record of events is accepted, or ingestion would refuse something.
        """
        events = self.tables[0]
        for table in self.tables:
            if table.problems:
                raise UserError(f"ingestion would refuse it: {table.problems[0]}")
        if not events.accepted:
            why = ", ".join(f"{reason} {n:,}" for reason, n in events.reasons.most_common())
            seen = f"{events.received:,} records ({why})" if events.received else "no record"
            raise UserError(f"MAPPING={self.mapping!r} accepts none: {seen}")


def check(settings: SampleSettings) -> Checked:
    """Read samples by the mapping; nothing is written anywhere.

    Raises:
        UserError: a setting or the mapping is wrong, or there is nothing to read.
    """
    mapping = load_mapping(settings.mapping or "canonical")
    name = settings.source_name or settings.mapping or "canonical"
    mapping = replace(mapping, name=settings.source_name or mapping.name)
    with scratch_directory() as scratch:
        if settings.connector == "files":
            return _of_files(settings, name, mapping, scratch)
        if settings.connector == "dlt":
            return _of_resource(settings, name, mapping, scratch)
        from ingestion.sample_calls import counted_calls

        with counted_calls(settings) as spend:
            return _of_api(settings, name, mapping, scratch, spend)


def _of_files(settings: SampleSettings, name: str, mapping: Mapping, scratch: Path) -> Checked:
    asked = [("EVENTS_URL", settings.events_url, mapping.events)]
    if settings.profiles_url:
        if mapping.profiles is None:
            raise UserError(f"PROFILES_URL: MAPPING={name!r} has no [profiles]")
        asked.append(("PROFILES_URL", settings.profiles_url, mapping.profiles))
    tables = []
    for setting, url, table in asked:
        sampled = sampled_files(setting, url, settings.asked, table, scratch)
        units, refused, cut = heads(sampled, table.files, scratch)
        checked = CheckedTable(table.table, sampled.looked_at, _reading(settings, mapping, table))
        checked.problems += [*sampled.refused, *refused]
        checked.notes += sampled.place.notes
        if cut:
            checked.notes.append(f"of {cut} large files only the beginning was read")
        _read(checked, units)
        tables.append(checked)
    return Checked(name, settings.events_url, tables)


def _as_asked(settings: SampleSettings, window: Window) -> IngestSettings:
    """The ingestion of a window."""
    return read_settings(
        IngestSettings,
        days=window.days,
        hours=None if window.is_days else window,
        connector=settings.connector,
        source_name=settings.source_name,
        events_url=settings.events_url,
        profiles_url=settings.profiles_url,
        resource=settings.resource,
    )


def _of_resource(settings: SampleSettings, name: str, mapping: Mapping, scratch: Path) -> Checked:
    """Its first records; of one with windows, those of the first window."""
    from ingestion.sampled_items import sampled_items
    from ingestion.source.resource import ResourceDelivery  # dlt: 0.3 s

    asked = _as_asked(settings, api_day(settings.asked))
    found = deliveries(asked, mapping, Progress(), lambda table, place: PageEnds(place))
    tables = []
    for table in mapping.tables:
        delivery = found.get(table.table)
        if not isinstance(delivery, ResourceDelivery):
            continue
        items = sampled_items(delivery, scratch)
        looked_at = f"{items.window or settings.resource}"
        checked = CheckedTable(table.table, looked_at, _reading(settings, mapping, table))
        if not items.is_whole:
            checked.notes.append(f"only {items.looked_at} were read")
        _read(checked, [items.unit])
        tables.append(checked)
    return Checked(name, "", tables)


def _of_api(
    settings: SampleSettings,
    name: str,
    mapping: Mapping,
    scratch: Path,
    spend: Callable[[], None],
) -> Checked:
    window = api_day(settings.asked)
    asked = _as_asked(settings, window)
    found = deliveries(asked, mapping, Progress(), lambda table, place: PageEnds(place), spend)
    tables, paging = [], []
    for table in mapping.tables:
        delivery = found.get(table.table)
        if not isinstance(delivery, ApiDelivery):
            continue
        first = delivery.api.windows(window)[0]
        pages = sampled_pages(delivery.api, first, scratch)
        delivery.api.close()
        checked = CheckedTable(table.table, f"{first}", _reading(settings, mapping, table))
        checked.problems += [pages.refused] if pages.refused else []
        paging.append(_paging(checked.called, pages, mapping, table))
        _read(checked, [pages.unit])
        tables.append(checked)
    return Checked(name, settings.events_url, tables, paging)


def _paging(called: str, pages: SampledPages, mapping: Mapping, table: TableMapping) -> str:
    endpoint = mapping.api.endpoint(table.table)
    assert endpoint is not None  # noqa: S101 - it was asked
    kind = endpoint.paginator.type if endpoint.paginator.is_declared else "one page, undeclared"
    counts = ", ".join(map(str, pages.records))
    ends = "the last one was seen" if pages.is_whole else "and more, which were not read"
    ends = "then refused" if pages.refused else ends
    number = f"{len(pages.records)} page" + ("" if len(pages.records) == 1 else "s")
    return f"{called}: {number} of {counts} records ({kind}), {ends}"


def _reading(settings: SampleSettings, mapping: Mapping, table: TableMapping) -> Reading:
    return Reading(table, mapping.name, datetime.now(UTC), event_ts_min=settings.event_ts_min)


def _read(checked: CheckedTable, units: Iterable[Unit]) -> None:
    """Count the landing rows of units; what cannot be read is a problem of its own."""
    schema = SCHEMAS[checked.table]
    for unit in units:
        try:
            for batch in read([unit], checked.reading):
                _count(checked, pa.Table.from_batches([batch]).cast(schema))
        except UserError as error:
            checked.problems.append(str(error))


def _count(checked: CheckedTable, rows: pa.Table) -> None:
    checked.received += len(rows)
    reasons = rows["reject_reason"]
    for each in pc.value_counts(pc.drop_null(reasons)).to_pylist():
        checked.reasons[each["values"]] += each["counts"]
        shown = checked.rejects.setdefault(each["values"], [])
        of_reason = rows.filter(pc.equal(reasons, each["values"]))
        shown += of_reason.slice(0, SHOWN_REJECTS - len(shown)).to_pylist()
    accepted = rows.filter(pc.is_null(reasons))
    is_event = checked.table == "events"
    time = "event_ts" if is_event else "updated_at"
    checked.keys.append(accepted.select(["user_id", "event_id" if is_event else time]))
    span = pc.min_max(accepted[time]).as_py()
    moments = [each for each in (checked.first, checked.last, *span.values()) if each]
    checked.first, checked.last = min(moments, default=None), max(moments, default=None)
    _show_some(checked, accepted, "event_type" if is_event else "tier")


def _show_some(checked: CheckedTable, accepted: pa.Table, kind: str) -> None:
    """Keep a record of each kind, then of any, as far as there is room."""
    known = {row[kind] for row in checked.rows}
    for value in pc.unique(accepted[kind]).to_pylist():
        if value not in known and len(checked.rows) < SHOWN:
            checked.rows += accepted.filter(_is(accepted[kind], value)).slice(0, 1).to_pylist()
    if accepted and len(checked.rows) < SHOWN and not known:
        checked.rows += accepted.slice(1, SHOWN - len(checked.rows)).to_pylist()


def _is(column: pa.ChunkedArray, value: str | None) -> pa.ChunkedArray:
    return pc.is_null(column) if value is None else pc.equal(column, value)
