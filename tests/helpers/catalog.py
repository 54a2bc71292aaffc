"""Queries of Postgres' catalog, for `Edit.check`: `{t}` is a table."""

from __future__ import annotations

from datetime import date

INDEXES = """
    select indisunique, pg_get_indexdef(indexrelid, 1, true) || coalesce(', '
        || nullif(pg_get_indexdef(indexrelid, 2, true), ''), '')
    from pg_index where indrelid = '{t}'::regclass order by 1, 2
"""
INDEXES_OF_PARTITIONS = """
    select inhparent is not null, count(*)::int, count(distinct indrelid)::int from pg_index
    inner join pg_inherits as tables on tables.inhrelid = indrelid
    where tables.inhparent = '{t}'::regclass group by 1
"""
CONSTRAINTS = """
    select conname, pg_get_constraintdef(oid) from pg_constraint
    where conrelid = '{t}'::regclass and contype != 'n' order by 1
"""
NOT_NULL = """
    select attname from pg_attribute
    where attrelid = '{t}'::regclass and attnum > 0 and attnotnull order by attnum
"""
COLUMNS = """
    select attname, format_type(atttypid, atttypmod) from pg_attribute
    where attrelid = '{t}'::regclass and attnum > 0 and not attisdropped order by attnum
"""
GRANTS = """
    select grantee::regrole::text, privilege_type from pg_class, aclexplode(relacl)
    where pg_class.oid = '{t}'::regclass and grantee != relowner order by 1, 2
"""
COMMENTS = """
    select coalesce(attname, ''), description from pg_description
    left join pg_attribute on attrelid = objoid and attnum = nullif(objsubid, 0)
    where objoid = '{t}'::regclass and classoid = 'pg_class'::regclass order by 1
"""
NEW_YEARS_EVE = date(2025, 12, 31)
