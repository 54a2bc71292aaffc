"""Rows of named text columns (CSV, Parquet), and lines that are no record, as landing rows."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import UserError
from ingestion.mapping.duck_sql import name, quoted
from ingestion.mapping.json_checks import has_nul, not_jsonb, too_deep
from ingestion.mapping.landing_schema import JSONB_VERSION, NO_UTF8, SCHEMAS
from ingestion.mapping.projection import projection
from ingestion.mapping.reading import Reading
from ingestion.mapping.reasons import Reason, first_reason

# The quarantine keeps this much of a record: a string of jsonb ends at 256 MiB.
MAX_KEPT_CHARACTERS = 32 * 2**20
_ORIGINAL = rf"""case when _malformed is not null
    then cast(to_json(replace(_record, '{NO_UTF8}', '\x')) as varchar) else _record end"""


def named_rows(reading: Reading, received: str, columns: Sequence[str]) -> str:
    """The query that turns rows of named columns into landing rows.

    Args:
        reading: how a record is read.
        received: a relation of `columns`, all text, and (_file text, _ingest_date date).
        columns: the record's own columns.

    Raises:
        UserError: a field that the mapping needs is in none of the columns.
    """
    mapping = reading.mapping
    kept = [column for column in columns if column not in (*mapping.consumes, mapping.lift)]
    lifted = name(mapping.lift) if mapping.lift in columns else "cast(null as varchar)"
    malformed = {
        Reason.INVALID_ENCODING: f"contains(_record, '{NO_UTF8}')",
        Reason.NUL_CHARACTER: has_nul("_record"),
    }
    return f"""
        with recorded as (select *, {_object(columns)} as _record from {received}),
        fielded as (
            select {", ".join(_fields(reading, columns))},
                _record, _file as file, _ingest_date as ingest_date,
                {first_reason(malformed)} as _malformed,
                {_object(kept)} as _others,
                case when case when json_valid({lifted}) then
                        not ({not_jsonb(lifted)} or {too_deep(lifted)}) end
                    then cast(json({lifted}) as varchar)
                    else cast(to_json({lifted}) as varchar) end as _lifted
            from recorded
        )
        {projection(reading, _ORIGINAL)}"""


def _fields(reading: Reading, columns: Sequence[str]) -> list[str]:
    """The mapping's fields, each from the first of its places that the record has."""
    mapping, fields = reading.mapping, ["null as _no"]
    for alias, places in mapping.fields.items():
        present = [place for place in places if place in columns]
        if not present and alias not in mapping.optional:
            raise UserError(
                f"MAPPING={reading.source!r} needs the column {' or '.join(map(repr, places))}, "
                f"the file has {', '.join(columns)}"
            )
        value = f"coalesce({', '.join(map(name, present))})" if present else "cast(null as varchar)"
        fields.append(f"{value} as {name(alias)}")
    return fields


def _object(columns: Sequence[str]) -> str:
    """The columns as the text of a JSON object."""
    if not columns:
        return "'{}'"
    members = ", ".join(f"{name(column)} := {name(column)}" for column in columns)
    return f"cast(to_json(struct_pack({members})) as varchar)"


def rejected_lines(reading: Reading, received: str) -> str:
    """Landing rows for lines that could not even be split into a record.

    Args:
        reading: only its table and its source matter.
        received: a relation of (line text, reason text, _file text, _ingest_date date).
    """
    reason = first_reason(
        {
            Reason.OVERSIZED_RECORD: f"reason = '{Reason.OVERSIZED_RECORD}'",
            Reason.INVALID_ENCODING: f"contains(line, '{NO_UTF8}')",
            Reason.NUL_CHARACTER: "contains(line, chr(0))",
        },
        otherwise="reason",
    )
    text = f"replace(replace(line, chr(0), '\\u0000'), '{NO_UTF8}', '\\x')"
    text = f"cast(to_json(left({text}, {MAX_KEPT_CHARACTERS})) as varchar)"
    values = {
        "payload": f"{quoted(JSONB_VERSION)} || {text}",
        "ingest_date": "_ingest_date",
        "reject_reason": reason,
        "parse_error": reason,
        "source": quoted(reading.source),
        "file": "_file",
    }
    names = SCHEMAS[reading.mapping.table].names
    columns = [f"{values.get(column, 'null')} as {column}" for column in names]
    return f"select {', '.join(columns)} from {received}"
