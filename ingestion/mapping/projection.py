"""A mapping as DuckDB SQL: the last steps, from a record's fields to the landing columns.

Two shapes of input come here: lines of JSON text (`json_records`), and rows of named text columns
(`row_records`). No row becomes a Python object. A record that breaks the contract keeps its intact
original in `payload`, and `reject_reason` says why.
"""

from __future__ import annotations

from datetime import timedelta

from ingestion.mapping.blanks import is_filled
from ingestion.mapping.duck_sql import quoted
from ingestion.mapping.landing_schema import JSONB_VERSION, NO_UTF8, SCHEMAS
from ingestion.mapping.mapping import TableMapping
from ingestion.mapping.reading import Reading
from ingestion.mapping.reasons import DELETION, Reason, first_reason
from ingestion.mapping.times import timed

# Longer ids and names are quarantined: a btree entry of Postgres ends at 2,704 bytes.
MAX_FIELD_BYTES = 1_000
# What a record may be without.
OPTIONAL = ("region", "tier")


def projection(reading: Reading, original: str) -> str:
    """The end of a query, after the CTE `fielded`: that gives the landing columns.

    Args:
        reading: how a record is read. `fielded` has the names of its mapping's fields, `_malformed`
            (a reason or null), `_others` and `_lifted` (JSON text), `file` and `ingest_date`.
        original: the expression of the record as it was received, as JSON text.
    """
    mapping = reading.mapping
    text_columns = [column for column in mapping.columns if column != mapping.time_column]
    return f"""
        , mapped as (select *, {", ".join(_mapped(mapping))} from fielded),
        {timed(mapping, f"_{mapping.time_column}", of="mapped")},
        measured as (
            select *, coalesce(_malformed, {first_reason(_length_reasons(text_columns))}) as _found
            from timed
        ),
        faulted as (
            select columns('^_'), ingest_date, file,
                coalesce(_found, {first_reason(_value_reasons(reading))}) as _faulty
            from measured
        ),
        landed as (
            select columns('^_'), ingest_date, file,
                {", ".join(map(_text, text_columns))},
                case when _faulty is null and _deleted is not true then {_moment(mapping)} end
                    as {mapping.time_column}
            from faulted
        ),
        judged as (
            select *, case when {_is_deletion(mapping)} then '{DELETION}'
                else coalesce(_faulty, {first_reason(_missing_reasons(mapping))}) end
                as reject_reason
            from landed
        )
        select {_output(reading, original)} from judged
    """


def _mapped(mapping: TableMapping) -> list[str]:
    """The mapping's expressions, by column."""
    columns = [
        f"cast(({expression}) as varchar) as _{column}"
        for column, expression in mapping.columns.items()
    ]
    said = f"cast(({mapping.deleted or 'null'}) as varchar)"
    return [*columns, f"{said} as _said", f"try_cast({said} as boolean) as _deleted"]


def _output(reading: Reading, original: str) -> str:
    """The landing columns, in their order."""
    mapping = reading.mapping
    expressions = {
        "payload": f"{quoted(JSONB_VERSION)} || "
        f"case when reject_reason is not null then {original} else {_rest(mapping)} end",
        "file": "case when reject_reason is not null then file end",
        "event_date": "cast(make_timestamp(epoch_us(event_ts)) as date)",
        "parse_error": "reject_reason",
        "source": quoted(reading.source),
    }
    names = SCHEMAS[mapping.table].names
    return ", ".join(f"{expressions.get(name, name)} as {name}" for name in names)


def _text(column: str) -> str:
    """A text column, null where it is blank. Whose a record is, is kept of rejected ones too: they
    go when that user is forgotten. (An id that Postgres cannot hold is nobody's.)"""
    is_whole = "_found is null"
    if column == "user_id":
        is_short = f"strlen(_user_id) <= {MAX_FIELD_BYTES}"
        held = f"not contains(_user_id, chr(0)) and not contains(_user_id, '{NO_UTF8}')"
        is_whole = f"case when {is_whole} then true else {is_short} and {held} end"
    is_there = f"{is_whole} and {is_filled(f'_{column}')}"
    return f"case when {is_there} then _{column} end as {column}"


def _moment(mapping: TableMapping) -> str:
    """The time of a record that has no fault. One without a time that holds as of its delivery
    holds from the start of that UTC day: for all events of the day it came with."""
    if mapping.without_time != "delivery":
        return "_time"
    return "coalesce(_time, make_timestamptz(epoch_us(cast(ingest_date as timestamp))))"


def _is_deletion(mapping: TableMapping) -> str:
    """Whether the record says that its event was deleted, and of which; its time and type do not
    matter then."""
    if not mapping.deleted:
        return "false"
    return "_deleted and _found is null and event_id is not null and user_id is not null"


def _length_reasons(columns: list[str]) -> dict[Reason, str]:
    lengths = ", ".join(f"strlen(_{column})" for column in columns)
    return {Reason.OVERSIZED_FIELD: f"greatest({lengths}) > {MAX_FIELD_BYTES}"}


def _value_reasons(reading: Reading) -> dict[Reason, str]:
    """Why `_time` is not one that an event, or a profile, can have, or why nobody can tell whether
    the event was deleted."""
    time, is_event = reading.mapping.time_column, reading.mapping.table == "events"
    # Microseconds: an interval on timestamptz goes through the calendar of a time zone.
    first = reading.event_ts_min.isoformat() if is_event else "0001-01-01"
    earliest = f"epoch_us(timestamptz {quoted(first)})"
    latest = "epoch_us(timestamptz '9999-12-31 23:59:59.999999')"
    if is_event:
        received = quoted((reading.started_at + timedelta(days=1)).isoformat())
        latest = f"epoch_us(timestamptz {received})"
    neither = {Reason.INVALID_DELETED: "_said is not null and _deleted is null"}
    return (neither if reading.mapping.deleted else {}) | {
        Reason(f"invalid_{time}"): f"case when _time is null then {is_filled(f'_{time}')} end",
        Reason(f"{time}_out_of_range"): "not isfinite(_time) "
        f"or not epoch_us(_time) between {earliest} and {latest}",
    }


def _missing_reasons(mapping: TableMapping) -> dict[Reason, str]:
    required = [column for column in mapping.columns if column not in OPTIONAL]
    return {Reason(f"missing_{column}"): f"{column} is null" for column in required}


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
