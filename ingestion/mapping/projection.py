"""A mapping as DuckDB SQL: from received records to the landing columns, no Python per row.

Two shapes of input: lines of JSON text, and rows of named text columns (CSV, Parquet). Both end
in the same projection. A record that breaks the contract keeps its intact original in `payload`,
and `parse_error` says what the landing found; `dbt/models/staging` gives the final reason.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from core.errors import UserError
from ingestion.decode.encodings import NO_UTF8
from ingestion.mapping.duck_sql import name, quoted
from ingestion.mapping.json_checks import STRINGS, SUSPECT, has_nul, not_jsonb, too_deep
from ingestion.mapping.landing_schema import JSONB_VERSION, SCHEMAS
from ingestion.mapping.mapping import EPOCHS, TableMapping

EARLIEST = "1990-01-01"  # earlier times are unset clocks (1970, 1980) in every log we have seen
# The quarantine keeps this much of a record: a string of jsonb ends at 256 MiB.
MAX_KEPT_CHARACTERS = 32 * 2**20
# Longer ids and names are quarantined: a btree entry of Postgres ends at 2,704 bytes.
MAX_FIELD_BYTES = 1_000
# The received line for the quarantine. A trailing comma is read by DuckDB and refused by jsonb:
# such text, like malformed text, is kept as a JSON string.
_ORIGINAL_LINE = rf"""case
    when _malformed is not null
        or regexp_matches(regexp_replace(_line, '{STRINGS}', '', 'g'), ',\s*[}}\]]')
        then cast(to_json(replace(_line, chr(0), '\u0000')) as varchar)
    else _line end"""
_ORIGINAL_ROW = rf"""case when _malformed is not null
    then cast(to_json(replace(_record, '{NO_UTF8}', '\x')) as varchar) else _record end"""


def json_lines(
    mapping: TableMapping,
    source: str,
    received: str,
    started_at: datetime,
    rejected: str = "null",
    suspect: str = f"regexp_matches(line, {quoted(SUSPECT)})",
) -> str:
    """The query that turns lines of JSON into landing rows.

    Every JSON function parses the line again, so few are called: 1 M lines of 210 bytes cost 0.3 s
    for `json_keys`, 0.6 s for `json_merge_patch`, and 0.2 s for `json_valid`, for which a failed
    `json_extract_string` stands. CASE, unlike AND, leaves out what is not needed.

    Args:
        mapping: how a record is read.
        source: the mapping's name, stored with every row.
        received: a relation of (line text, _file text, _ingest_date date).
        started_at: when this load began; later events than a day after it cannot be.
        rejected: the expression of a reason that the reader has found; null for none.
        suspect: the expression of whether a line matches SUSPECT; the reader may have looked.
    """
    # The consumed fields are asked for as well: when they are all there is, nothing is left over.
    consumed = [member(key) for key in dict.fromkeys(mapping.consumes)]
    places = {alias: [_json_path(p) for p in found] for alias, found in mapping.fields.items()}
    lift = [member(mapping.lift)] if mapping.lift else []
    wanted = [*(path for found in places.values() for path in found), *consumed, *lift]
    paths = list(dict.fromkeys(wanted))

    def value(path: str) -> str:
        return f"_values[{paths.index(path) + 1}]"

    fields = [
        f"coalesce({', '.join(map(value, found))}) as {name(alias)}"
        for alias, found in places.items()
    ]
    extract = f"try(json_extract_string(line, [{', '.join(map(quoted, paths or ['$']))}]))"
    patch = json.dumps(dict.fromkeys(filter(None, (*mapping.consumes, mapping.lift))))
    # Extracted as text, an object is as it was, but a string that begins with a brace, for which
    # SUSPECT looks, would seem one: then, and where it is neither, it is extracted again, as JSON.
    lifted = "null"
    if lift:
        lifted = f"""case
            when case when starts_with({value(lift[0])}, '{{') then not _suspect else false end
            then {value(lift[0])} else json_extract(line, {quoted(lift[0])}) end"""
    known = [*map(value, consumed), "_lifted"]
    return f"""
        with seen as (
            select line, _file as file, _ingest_date as ingest_date,
                {rejected} as _rejected, {suspect} as _suspect
            from {received}
        ),
        checked as (
            select *,
                case
                    when _rejected is not null then _rejected
                    when case when _suspect then contains(line, chr(0)) or {has_nul("line")} end
                    then 'nul_character'
                end as _unreadable
            from seen
        ),
        parsed as (
            select *, case when _unreadable is null then {extract} end as _values from checked
        ),
        judged as (
            select *,
                case
                    when _unreadable is not null then _unreadable
                    when _values is null then 'malformed_json'
                    when case when starts_with(line, '{{') then false
                        else json_type(line) <> 'OBJECT' end then 'malformed_json'
                    when {not_jsonb("line", "_suspect")} then 'malformed_json'
                    when {too_deep("line")} then 'nested_too_deeply'
                end as _broken
            from parsed
        ),
        valued as (
            select *, case when _broken is null then json_keys(line) end as _keys from judged
        ),
        lifted as (
            select *, case when _broken is null then cast({lifted} as varchar) end as _lifted
            from valued
        ),
        compared as (
            select *, len(_keys) > {" + ".join(f"cast({v} is not null as int)" for v in known)}
                as _has_others
            from lifted
        ),
        fielded as (
            select line as _line, file, ingest_date, _lifted, {", ".join([*fields, "null as _no"])},
                case when _broken is not null then _broken
                    when case when _has_others then len(list_distinct(_keys)) < len(_keys) end
                    then 'duplicate_key' end as _malformed,
                case when _has_others then cast(json_merge_patch(line, {quoted(patch)}) as varchar)
                    else '{{}}' end as _others
            from compared
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
                case when contains(_record, '{NO_UTF8}') then 'invalid_encoding'
                    when {has_nul("_record")} then 'nul_character' end as _malformed,
                case when case when json_valid({lifted}) then
                        not ({not_jsonb(lifted)} or {too_deep(lifted)}) end
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
        received: a relation of (line text, reason text, _file text, _ingest_date date).
    """
    text = f"replace(replace(line, chr(0), '\\u0000'), '{NO_UTF8}', '\\x')"
    text = f"cast(to_json(left({text}, {MAX_KEPT_CHARACTERS})) as varchar)"
    values = {
        "payload": f"{quoted(JSONB_VERSION)} || {text}",
        "ingest_date": "_ingest_date",
        "parse_error": "reason",
        "source": quoted(source),
        "file": "_file",
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
    text_columns = [column for column in mapping.columns if column != time]
    # Most values do not begin with a space; the others are trimmed, which costs ten times more.
    texts = [
        f"case when _found is null and (_{column} >= '!' or trim(_{column}) <> '') "
        f"then _{column} end as {column}"
        for column in text_columns
    ]
    expressions = [
        f"cast(({expression}) as varchar) as _{column}"
        for column, expression in mapping.columns.items()
    ]
    lengths = ", ".join(f"strlen(_{column})" for column in text_columns)
    is_event = mapping.table == "events"
    # Microseconds: an interval on timestamptz goes through the calendar of a time zone.
    earliest = f"epoch_us(timestamptz {quoted(EARLIEST if is_event else '0001-01-01')})"
    latest = quoted((started_at + timedelta(days=1)).isoformat())
    latest = f"""greatest(epoch_us(cast(ingest_date as timestamp)) + 172800000000,
        epoch_us(timestamptz {latest}))"""
    latest = latest if is_event else "epoch_us(timestamptz '9999-12-31')"
    required = [column for column in mapping.columns if column not in ("region", "tier")]
    missing = " or ".join(f"{column} is null" for column in required)
    rejected = f"parse_error is not null or {missing}"
    final = {column: column for column in mapping.columns} | {
        "payload": f"{quoted(JSONB_VERSION)} || "
        f"case when {rejected} then {original} else {rest} end",
        "file": f"case when {rejected} then file end",
        "event_date": "cast(make_timestamp(epoch_us(event_ts)) as date)" if is_event else "",
        "source": quoted(source),
    }
    output = [f"{final.get(column, column)} as {column}" for column in SCHEMAS[mapping.table].names]
    return f"""
        , mapped as (select *, {", ".join(expressions)} from fielded),
        timed as (
            select *, {_time(mapping.time_format, f"_{time}")} as _time,
                case when _malformed is not null then _malformed
                    when greatest({lengths}) > {MAX_FIELD_BYTES} then 'oversized_field'
                end as _found
            from mapped
        ),
        landed as (
            select columns('^_'), ingest_date, file, {", ".join(texts)},
                case
                    when _found is not null then _found
                    when case when _time is null then trim(_{time}) <> '' end then 'invalid_{time}'
                    when not isfinite(_time) or not epoch_us(_time) between {earliest} and {latest}
                        then '{time}_out_of_range'
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


def member(key: str) -> str:
    """The path of a field of the record itself, whatever its name."""
    return f'$."{key}"'
