"""A mapping as DuckDB SQL: from received records to the landing columns, no Python per row.

Two shapes of input: lines of JSON text, and rows of named text columns (CSV, Parquet). Both end
in the same projection. A record that breaks the contract keeps its intact original in `payload`,
and `parse_error` says what the landing found; `dbt/models/staging` gives the final reason.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

import duckdb

from ingestion.errors import UserError
from ingestion.landing_schema import JSONB_VERSION, SCHEMAS
from ingestion.mapping import EPOCHS, TableMapping

EARLIEST = "1990-01-01"  # earlier times are unset clocks (1970, 1980) in every log we have seen
# JSON strings, to look for the numbers that DuckDB reads and Postgres' jsonb refuses.
_STRINGS = r'"(\\.|[^"\\])*"'
# NaN, Infinity, 1e99999, and numbers of a thousand digits (numeric ends at 16,383 decimals).
_NOT_JSONB = r"nan|inf|e[+-]?[0-9]{4}|[0-9]{1000}"
# The received line for the quarantine. A trailing comma is read by DuckDB and refused by jsonb:
# such text, like malformed text, is kept as a JSON string.
_ORIGINAL_LINE = rf"""case
    when _malformed is not null
        or regexp_matches(regexp_replace(_line, '{_STRINGS}', '', 'g'), ',\s*[}}\]]')
        then cast(to_json(replace(_line, chr(0), '\u0000')) as varchar)
    else _line end"""
_ORIGINAL_ROW = """case
    when _malformed is not null then cast(to_json(_record) as varchar) else _record end"""
_NUL = r"(^|[^\\])(\\\\)*\\u0000"  # an escaped NUL, which Postgres' text cannot hold


def session() -> duckdb.DuckDBPyConnection:
    """A DuckDB session as these queries need it: times without a zone are UTC, whatever the
    machine's is (a cursor of a connection would not inherit the setting), rows in any order."""
    db = duckdb.connect()
    db.execute("set timezone = 'UTC'; set preserve_insertion_order = false")
    return db


def quoted(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def name(text: str) -> str:
    """A SQL identifier, quoted."""
    return '"' + text.replace('"', '""') + '"'


def json_lines(mapping: TableMapping, source: str, received: str, started_at: datetime) -> str:
    """The query that turns lines of JSON into landing rows.

    Args:
        mapping: how a record is read.
        source: the mapping's name, stored with every row.
        received: a relation of (line text, _file text, _ingest_date date).
        started_at: when this load began; later events than a day after it cannot be.
    """
    paths: list[str] = []
    fields: list[str] = []
    for alias, places in mapping.fields.items():
        at = [f"_values[{len(paths) + i + 1}]" for i in range(len(places))]
        paths += [_json_path(place) for place in places]
        fields.append(f"coalesce({', '.join(at)}) as {name(alias)}")
    extract = f"json_extract_string(line, [{', '.join(map(quoted, paths))}])" if paths else "null"
    patch = json.dumps(dict.fromkeys(filter(None, (*mapping.consumes, mapping.lift))))
    lifted = f"json_extract(line, {quoted(_json_path(mapping.lift))})" if mapping.lift else "null"
    return f"""
        with checked as (
            select line, _file as file, _ingest_date as ingest_date,
                case
                    when contains(line, chr(0)) then 'nul_character'
                    when {_has_nul("line")} then 'nul_character'
                    when not json_valid(line) then 'malformed_json'
                    when json_type(line) <> 'OBJECT' then 'malformed_json'
                    when {_not_jsonb("line")} then 'malformed_json'
                end as _malformed
            from {received}
        ),
        valued as (
            select *,
                case when _malformed is null then {extract} end as _values,
                case when _malformed is null then json_merge_patch(line, {quoted(patch)}) end
                    as _others,
                case when _malformed is null then {lifted} end as _lifted
            from checked
        ),
        fielded as (
            select line as _line, _malformed, file, ingest_date,
                cast(_others as varchar) as _others, cast(_lifted as varchar) as _lifted,
                {", ".join(fields) or "null as _nothing"}
            from valued
        )
        {_projection(mapping, source, started_at, original=_ORIGINAL_LINE, rest=_rest(mapping))}"""


def named_rows(
    mapping: TableMapping,
    source: str,
    received: str,
    columns: Sequence[str],
    started_at: datetime,
) -> str:
    """The query that turns rows of named columns into landing rows.

    Args:
        mapping: how a record is read.
        source: the mapping's name.
        received: a relation of `columns`, all text, and (_file text, _ingest_date date).
        columns: the record's own columns.
        started_at: when this load began.

    Raises:
        UserError: a field that the mapping needs is in none of the columns.
    """
    fields = []
    for alias, places in mapping.fields.items():
        present = [place for place in places if place in columns]
        if not present and alias not in mapping.optional:
            raise UserError(
                f"MAPPING={source!r} needs the column {' or '.join(map(repr, places))}, "
                f"the file has {', '.join(columns)}"
            )
        value = f"coalesce({', '.join(map(name, present))})" if present else "cast(null as varchar)"
        fields.append(f"{value} as {name(alias)}")
    kept = [column for column in columns if column not in (*mapping.consumes, mapping.lift)]
    fields.append(f"{_object(kept)} as _others")
    lifted = name(mapping.lift) if mapping.lift in columns else "cast(null as varchar)"
    return f"""
        with recorded as (select *, {_object(columns)} as _record from {received}),
        fielded as (
            select _record, _file as file, _ingest_date as ingest_date, {", ".join(fields)},
                case when {_has_nul("_record")} then 'nul_character' end as _malformed,
                case when json_valid({lifted}) and not {_not_jsonb(lifted)}
                    then cast(json({lifted}) as varchar)
                    else cast(to_json({lifted}) as varchar) end as _lifted
            from recorded
        )
        {_projection(mapping, source, started_at, original=_ORIGINAL_ROW, rest=_rest(mapping))}"""


def rejected_lines(mapping: TableMapping, source: str, received: str) -> str:
    """Landing rows for lines that could not even be split into a record.

    Args:
        mapping: only its table matters.
        source: the mapping's name.
        received: a relation of (line text, reason text, _ingest_date date).
    """
    text = "cast(to_json(replace(line, chr(0), '\\u0000')) as varchar)"
    values = {
        "payload": f"{quoted(JSONB_VERSION)} || {text}",
        "ingest_date": "_ingest_date",
        "parse_error": "reason",
        "source": quoted(source),
    }
    columns = [
        f"{values.get(column, 'null')} as {column}" for column in SCHEMAS[mapping.table].names
    ]
    return f"select {', '.join(columns)} from {received}"


def _projection(
    mapping: TableMapping, source: str, started_at: datetime, *, original: str, rest: str
) -> str:
    """From `fielded` (the mapping's names, `_malformed`) to the landing columns."""
    time = mapping.time_column
    texts = [
        f"case when _malformed is null and trim(_{column}) <> '' then _{column} end as {column}"
        for column in mapping.columns
        if column != time
    ]
    expressions = [
        f"cast(({expression}) as varchar) as _{column}"
        for column, expression in mapping.columns.items()
    ]
    latest = quoted((started_at + timedelta(days=1)).isoformat())
    is_event = mapping.table == "events"
    required = [column for column in mapping.columns if column not in ("region", "tier")]
    final = {column: column for column in mapping.columns} | {
        "payload": f"{quoted(JSONB_VERSION)} || case when parse_error is not null or "
        f"{' or '.join(f'{column} is null' for column in required)} "
        f"then {original} else {rest} end",
        "event_date": "cast(event_ts at time zone 'UTC' as date)" if is_event else "",
        "source": quoted(source),
    }
    output = [f"{final.get(column, column)} as {column}" for column in SCHEMAS[mapping.table].names]
    return f"""
        , mapped as (select *, {", ".join(expressions)} from fielded),
        timed as (select *, {_time(mapping.time_format, f"_{time}")} as _time from mapped),
        landed as (
            select columns('^_'), ingest_date, {", ".join(texts)},
                case
                    when _malformed is not null then _malformed
                    when trim(_{time}) <> '' and _time is null then 'invalid_{time}'
                    when not _time between timestamptz '{EARLIEST}' and
                        greatest(cast(ingest_date as timestamptz) + interval 2 day,
                                 timestamptz {latest})
                        {"" if is_event else "and false"} then '{time}_out_of_range'
                end as parse_error,
                case when parse_error is null then _time end as {time}
            from timed
        )
        select {", ".join(output)} from landed
    """


def _time(time_format: str | tuple[str, ...], column: str) -> str:
    """The expression that reads a text column as timestamptz; null where it does not parse."""
    if isinstance(time_format, tuple):
        formats = ", ".join(map(quoted, time_format))
        return f"try_cast(try_strptime({column}, [{formats}]) as timestamptz)"
    if time_format == "iso":
        return f"try_cast({column} as timestamptz)"
    per_second = EPOCHS[time_format]
    return f"try(to_timestamp(try_cast({column} as double) / {per_second}))"


def _has_nul(text: str) -> str:
    """Whether JSON text has an escaped NUL character."""
    return f"(contains({text}, '\\u0000') and regexp_matches({text}, {quoted(_NUL)}))"


def _not_jsonb(text: str) -> str:
    """Whether valid JSON text has a number, outside of its strings, that jsonb refuses."""
    outside = f"regexp_replace({text}, {quoted(_STRINGS)}, '', 'g')"
    suspect = quoted(_NOT_JSONB)
    return f"(regexp_matches({text}, {suspect}, 'i') and regexp_matches({outside}, {suspect}, 'i'))"


def _rest(mapping: TableMapping) -> str:
    """What the mapping does not consume: the other fields, joined by the members of the lifted
    object. Where that is no object, or a member would hide another field, it stays one field of
    its own: nothing received is lost."""
    own_field = f"'{{' || {quoted(chr(34) + mapping.lift + chr(34) + ':')} || _lifted"
    return f"""case
        when _lifted is null then _others
        when starts_with(_lifted, '{{') and _others = '{{}}' then _lifted
        when _lifted = '{{}}' then _others
        when starts_with(_lifted, '{{')
            and not list_has_any(json_keys(_others), json_keys(_lifted))
            then left(_lifted, -1) || ',' || substr(_others, 2)
        when _others = '{{}}' then {own_field} || '}}'
        else {own_field} || ',' || substr(_others, 2)
        end"""


def _object(columns: Sequence[str]) -> str:
    """The columns as the text of a JSON object."""
    if not columns:
        return "'{}'"
    members = ", ".join(f"{name(column)} := {name(column)}" for column in columns)
    return f"cast(to_json(struct_pack({members})) as varchar)"


def _json_path(place: str) -> str:
    """`actor.id` as DuckDB's `$."actor"."id"`; a place that begins with $ is a path already."""
    if place.startswith("$"):
        return place
    return "$" + "".join(f'."{part}"' for part in place.split("."))
