"""Rows of named text columns (CSV, Parquet), and lines that are no record, as landing rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from core.errors import UserError
from ingestion.mapping.duck_sql import name, quoted
from ingestion.mapping.json_checks import has_nul, not_jsonb, too_deep
from ingestion.mapping.landing_schema import JSONB_VERSION, NO_UTF8, SCHEMAS
from ingestion.mapping.projection import projection
from ingestion.mapping.reading import Reading
from ingestion.mapping.reasons import Reason, first_reason

# The quarantine keeps this much of a record: a string of jsonb ends at 256 MiB.
MAX_KEPT_CHARACTERS = 32 * 2**20
SHOWN_LETTERS = 300
_ORIGINAL = rf"""case when _malformed is not null
    then cast(to_json(replace(_record, '{NO_UTF8}', '\x')) as varchar) else _record end"""


def slots(columns: Sequence[str]) -> list[str]:
    """What `named_rows` expects the columns to be called, quoted: by their position."""
    return [name(f"#{position}") for position in range(len(columns))]


def named_rows(reading: Reading, received: str, columns: Sequence[str], where: str) -> str:
    """The query that turns rows of named columns into landing rows.

    Args:
        reading: how a record is read.
        received: a relation of (_file text, _ingest_date date, _unit int), and of text columns that
            are called by `slots`: no name of a record's column can then be one of ours.
        columns: the names of the record's own columns, each once in any case of letters.
        where: the file that has them, and its line, for messages.

    Raises:
        UserError: a field that the mapping needs is in none of the columns.
    """
    mapping = reading.mapping
    slot, changed = _cleaned(reading, columns, where)
    left_over = slot.keys() - {*mapping.consumes, mapping.lift}
    kept = {column: slot[column] for column in columns if column in left_over}
    lifted = slot.get(mapping.lift, "cast(null as varchar)")
    malformed = {
        Reason.INVALID_ENCODING: f"contains(_record, '{NO_UTF8}')",
        Reason.NUL_CHARACTER: has_nul("_record"),
    }
    return f"""
        with cleaned as (select *{changed} from {received}),
        recorded as (select *, {_object(slot)} as _record from cleaned),
        fielded as (
            select {", ".join(_fields(reading, slot, where))},
                _record, _file as file, _ingest_date as ingest_date, _unit,
                {first_reason(malformed)} as _malformed,
                {_object(kept)} as _others,
                case when case when json_valid({lifted}) then
                        not ({not_jsonb(lifted)} or {too_deep(lifted)}) end
                    then cast(json({lifted}) as varchar)
                    else cast(to_json({lifted}) as varchar) end as _lifted
            from recorded
        )
        {projection(reading, _ORIGINAL)}"""


def _cleaned(reading: Reading, columns: Sequence[str], where: str) -> tuple[dict[str, str], str]:
    """The slots of the columns that are not dropped, by name, and what replaces the values of those
    of which a hash is kept.

    Raises:
        UserError: a column to drop or to hash is not there; it may be there under another name.
    """
    mapping, cleaning = reading.mapping, reading.mapping.cleaning
    slot = dict(zip(columns, slots(columns), strict=True))
    if not cleaning:
        return slot, ""
    for place in cleaning.missing(columns):
        if place not in mapping.optional:
            raise UserError(
                f"MAPPING={reading.source!r} is to drop or hash the column {place!r}, and {where} "
                f"has {len(columns)} others (name it in `optional` if a file may lack it)"
            )
    values = {column: cleaning.of_column(column, value) for column, value in slot.items()}
    changed = [
        f"{value} as {slot[column]}"
        for column, value in values.items()
        if value not in (None, slot[column])
    ]
    kept = {column: at for column, at in slot.items() if values[column] is not None}
    return kept, f" replace ({', '.join(changed)})" if changed else ""


def _fields(reading: Reading, slot: Mapping[str, str], where: str) -> list[str]:
    """The mapping's fields, each from the first of its places that the record has."""
    mapping, fields = reading.mapping, ["null as _no"]
    for alias, places in mapping.fields.items():
        present = [slot[place] for place in places if place in slot]
        if not present and alias not in mapping.optional:
            raise UserError(
                f"MAPPING={reading.source!r} needs the column {' or '.join(map(repr, places))}, "
                f"{where} has {_named(reading, list(slot))}{_hint(list(slot))}"
            )
        value = f"coalesce({', '.join(present)})" if present else "cast(null as varchar)"
        fields.append(f"{value} as {name(alias)}")
    return fields


def _listed(columns: list[str]) -> str:
    """The names in one line, whatever is in them: a file that is no table has names of anything."""
    text = "".join(sign if sign.isprintable() else "?" for sign in ", ".join(columns))
    return text if len(text) <= SHOWN_LETTERS else text[:SHOWN_LETTERS] + "…"


def _named(reading: Reading, columns: list[str]) -> str:
    """The columns, for a message; only their number where a first record taken for a header would
    tell what is not to be kept."""
    return f"{len(columns)} others" if reading.mapping.cleaning else _listed(columns)


def _hint(columns: list[str]) -> str:
    """What to write where the line of a header is one name, of names parted by something else."""
    for sign in ";\t|,":
        if len(columns) == 1 and sign in columns[0]:
            return f"; is it delimiter = {json.dumps(sign)} under [files] of the mapping?"
    return ""


def _object(slot: Mapping[str, str]) -> str:
    """The columns as the text of a JSON object."""
    if not slot:
        return "'{}'"
    members = ", ".join(f"{name(column)} := {value}" for column, value in slot.items())
    return f"cast(to_json(struct_pack({members})) as varchar)"


def rejected_lines(reading: Reading, received: str) -> str:
    """Landing rows for lines that could not even be split into a record.

    Args:
        reading: only its table and its source matter.
        received: a relation of (line text, reason text, _file text, _ingest_date date, _unit int).
    """
    reason = first_reason(
        {
            Reason.OVERSIZED_RECORD: f"reason = '{Reason.OVERSIZED_RECORD}'",
            Reason.INVALID_ENCODING: f"contains(line, '{NO_UTF8}')",
            Reason.NUL_CHARACTER: "contains(line, chr(0))",
        },
        otherwise="reason",
    )
    line = reading.mapping.cleaning.not_kept("line")
    text = f"replace(replace({line}, chr(0), '\\u0000'), '{NO_UTF8}', '\\x')"
    text = f"cast(to_json(left({text}, {MAX_KEPT_CHARACTERS})) as varchar)"
    values = {
        "payload": f"{quoted(JSONB_VERSION)} || {text}",
        "ingest_date": "_ingest_date",
        "reject_reason": reason,
        "parse_error": reason,
        "source": quoted(reading.source),
        "file": "_file",
        "_unit": "_unit",
    }
    names = SCHEMAS[reading.mapping.table].names
    columns = [f"{values.get(column, 'null')} as {column}" for column in names]
    return f"select {', '.join(columns)} from {received}"
