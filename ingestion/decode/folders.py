"""What a file's folders say (`region=eu/day=…`), as fields of records that have no such one."""

from __future__ import annotations

import json
import re

import duckdb
import pyarrow as pa

from ingestion.mapping.duck_sql import quoted
from ingestion.mapping.json_checks import SUSPECT


def missing(folders: dict[str, str | None], columns: tuple[str, ...]) -> dict[str, str | None]:
    """Those that are none of the columns, in any case of letters."""
    own = {column.lower() for column in columns}
    return {key: value for key, value in folders.items() if key.lower() not in own}


def filled(
    db: duckdb.DuckDBPyConnection, lines: pa.Table, folders: dict[str, str | None]
) -> pa.Table:
    """Lines of JSON, each object with those fields of the folders that it lacks.

    Args:
        db: a session; it registers `unfilled` there.
        lines: a table with (line text, _suspect boolean).
        folders: field -> value, None for null.
    """
    members = []
    for key, value in folders.items():
        member = f"{json.dumps(key, ensure_ascii=False)}:{json.dumps(value, ensure_ascii=False)},"
        has_key = f"list_contains(_own, lower({quoted(key)}))"
        members.append(f"case when {has_key} then '' else {quoted(member)} end")
    suspect = bool(re.search(SUSPECT, json.dumps(folders)))
    db.register("unfilled", lines)
    return db.sql(f"""
        with objects as (
            select *, case when case when json_valid(line) then json_type(line) = 'OBJECT'
                else false end then json_keys(line) end as _keys
            from unfilled
        ),
        owned as (
            select *, list_transform(_keys, lambda key: lower(key)) as _own from objects
        ),
        lacking as (select *, {" || ".join(["''", *members])} as _lacking from owned)
        select * exclude (_keys, _own, _lacking) replace (
            case when _keys is null or _lacking = '' then line
                when len(_keys) = 0 then '{{' || left(_lacking, -1) || '}}'
                else '{{' || _lacking || substr(ltrim(line, ' \t'), 2) end as line,
            _suspect or {str(suspect).lower()} as _suspect)
        from lacking""").to_arrow_table()
