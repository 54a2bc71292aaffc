"""Records of samples, whatever they are: by the readers of ingestion, and a mapping of nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa

from core.errors import UserError
from ingestion.decode.dialect import Dialect, dialect_of
from ingestion.decode.readers import read
from ingestion.mapping.draft.guesses import EVENTS
from ingestion.mapping.draft.samples import Samples
from ingestion.mapping.mapping import TableMapping
from ingestion.mapping.reading import Reading
from ingestion.mapping.reasons import Reason
from ingestion.sampling import SampledFiles, heads, is_dated
from ingestion.source.names import shown
from ingestion.source.unit import Unit

RECORDS = 20_000  # of all files together
# Every record lacks an id by this mapping, and so keeps its original: the reader's own work.
NOTHING = TableMapping("events", dict.fromkeys(EVENTS, "null"), {}, "event_ts")


def file_records(sampled: SampledFiles, scratch: Path) -> tuple[Dialect, Samples, list[str]]:
    """How sampled files are written, their records, and what is to be said of them.

    Raises:
        UserError: there is no record, or none can be read.
    """
    place = shown(sampled.place.template)
    filled = [unit for unit in sampled.units if unit.size]
    if not filled:
        raise UserError(f"{place} has no record: {sampled.looked_at}, all empty")
    dialect = dialect_of(filled, scratch)
    named = [replace(unit, format=dialect.format or unit.format) for unit in sampled.units]
    units, refused, cut = heads(replace(sampled, units=named), dialect.shape, scratch)
    is_table = dialect.kind[:3] in ("CSV", "Par")
    samples = Samples(is_table=is_table, is_dated=is_dated(sampled.place))
    mapping = replace(NOTHING, format=dialect.format, files=dialect.shape)
    notes = [*sampled.refused, *refused, *add_records(units, mapping, samples)]
    if cut:
        notes.append(f"of {cut} large files only the beginning was looked at")
    if not samples.number:
        raise UserError(notes[0] if notes else f"{place} has no record")
    _refuse_envelope(samples, place)
    return dialect, samples, notes


def add_records(units: Sequence[Unit], mapping: TableMapping, samples: Samples) -> list[str]:
    """Add the records of units to the samples; a line for what could not be read."""
    notes = []
    most = max(1, RECORDS // max(1, len(units)))
    for unit in units:
        before = samples.number
        day = unit.day
        try:
            for batch in read([unit], Reading(mapping, "sample", datetime.now(UTC))):
                _add(batch, samples, (unit.url, day), before + most)
                if samples.number >= before + most or samples.is_full:
                    break
        except UserError as error:
            notes.append(str(error))
    notes += [f"{n:,} records are {reason}" for reason, n in sorted(samples.rejected.items())]
    return notes


def _add(batch: pa.RecordBatch, samples: Samples, of: tuple[str, date], most: int) -> None:
    """The rows of a batch, as far as there is room."""
    url, day = of
    rows = zip(batch["payload"], batch["reject_reason"], strict=True)
    for payload, reason in rows:
        if samples.number >= most or samples.is_full:
            return
        if reason.as_py() == Reason.MISSING_EVENT_ID:
            samples.add(payload.as_py()[1:], day if samples.is_dated else None, url)
        else:
            samples.rejected[reason.as_py()] += 1


def _refuse_envelope(samples: Samples, place: str) -> None:
    """One object around all records of a file is not read; say what would make it readable."""
    if samples.number > len(samples.files):
        return
    for each in samples.fields.values():
        lists = [value for value in each.values.values() if value.startswith("[{")]
        if each.kinds["array"] and len(lists) == samples.number and len(each.keys) == 1:
            raise UserError(
                f"{place}: a file is one object, and its {each.shown!r} holds the records: files "
                f"need a record a line, or one array of them (jq -c '.{each.shown}[]' makes lines)"
            )
