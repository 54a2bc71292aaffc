"""Whose a rejected record is, where that can still be read: nobody else can be forgotten exactly.

A record that is a JSON object has been read by its mapping already (`projection`). Of any other,
only the fields before the fault are known.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from ingestion.decode.session import session
from ingestion.mapping.fragments import fragment
from ingestion.mapping.json_paths import steps
from ingestion.mapping.json_records import json_lines, json_path
from ingestion.mapping.mapping import TableMapping
from ingestion.mapping.reading import Reading
from ingestion.mapping.reasons import UNREADABLE


def attributed(batches: Iterable[pa.RecordBatch], reading: Reading) -> Iterator[pa.RecordBatch]:
    """Landing rows with the user_id of rejected records too, where it can be read.

    Args:
        batches: landing rows.
        reading: how they were read.
    """
    for batch in batches:
        nobodys = pc.and_(
            pc.is_null(batch["user_id"]),
            pc.is_in(batch["reject_reason"], pa.array(UNREADABLE)),
        )
        if pc.any(nobodys).as_py() is not True:
            yield batch
            continue
        rejected = batch.filter(nobodys)
        texts = [json.loads(payload[1:]) for payload in rejected["payload"].to_pylist()]
        users = users_of(reading, texts, rejected["reject_reason"].to_pylist())
        known = pc.replace_with_mask(
            batch["user_id"].cast(pa.string()), nobodys, pa.array(users, pa.string())
        )
        yield batch.set_column(batch.schema.get_field_index("user_id"), "user_id", known)


def users_of(reading: Reading, texts: Sequence[str], reasons: Sequence[str]) -> list[str | None]:
    """Whose records are, of which only the text is left; None where that cannot be read.

    Args:
        reading: how records of their source are read.
        texts: the records as they were received.
        reasons: of each, why it was rejected.
    """
    wanted = _fields(reading.mapping)
    users: list[str | None] = [None] * len(texts)
    found = [
        (number, line)
        for number, (text, reason) in enumerate(zip(texts, reasons, strict=True))
        if isinstance(text, str) and (line := fragment(text, wanted, reason))
    ]
    if not found:
        return users
    numbers, lines = zip(*found, strict=True)
    read = pa.table(
        {
            "line": lines,
            "_file": pa.nulls(len(lines), pa.string()),
            "_ingest_date": pa.array([reading.started_at.date()] * len(lines)),
            "_unit": pa.array(numbers, pa.int32()),  # here, which of the texts it is
        }
    )
    with session(threads=1) as db:
        db.register("fragments", read)
        landed = db.sql(f"select _unit, user_id from ({json_lines(reading, 'fragments')})")
        for number, user in landed.fetchall():
            users[number] = user
    return users


def _fields(mapping: TableMapping) -> set[str]:
    """The fields of a record itself in which the mapping looks for anything."""
    paths = [steps(json_path(place)) for places in mapping.fields.values() for place in places]
    return {path[0] for path in paths if path}
