"""What in the warehouse anybody has touched: fingerprints of our relations in Postgres' catalog."""

from __future__ import annotations

from psycopg2.extensions import connection as Connection

# Tables and views of ours; who has altered them or their columns, comments, indexes and the like
# is in xmin. Of partitions, of which there may be thousands, not the columns.
_RELATIONS = """
    with ours as (
        select oid, xmin, relispartition, relkind from pg_class
        where relkind in ('r', 'p', 'v', 'm') and oid != 'intermediate.marks'::regclass
            and relnamespace in (
                select oid from pg_namespace
                where nspname in ('raw', 'staging', 'intermediate', 'analytics', 'partitions')
            )
    ),
    parts (class, relation, number, xmin) as (
        select 'attribute', attrelid, attnum, xmin from pg_attribute
        union all select 'description', objoid, objsubid, xmin from pg_description
            where classoid = 'pg_class'::regclass
        union all select 'index', indrelid, indexrelid, xmin from pg_index
        union all select 'constraint', conrelid, oid, xmin from pg_constraint
        union all select 'policy', polrelid, oid, xmin from pg_policy
        union all select 'rule', ev_class, oid, xmin from pg_rewrite
        union all select 'trigger', tgrelid, oid, xmin from pg_trigger
    )
"""
# How many rows were ever written to each: null where Postgres does not count them, or where a
# build goes on: it counts when it has ended.
_ALL = """
    select md5(string_agg(line, E'\\n' order by line))
    from (
        select format('%s %s %s', kind, day, version) from raw.day_versions
        union all
        select format('%s %s %s', kind, name, value) from intermediate.marks
        where kind not in ('settled', 'untouched views')
        union all
        select format(
            '%s %s %s %s %s', oid, xmin, pg_stat_get_tuples_inserted(oid),
            pg_stat_get_tuples_updated(oid), pg_stat_get_tuples_deleted(oid)
        )
        from ours
        union all
        select format('%s %s %s %s', class, relation, number, parts.xmin)
        from parts inner join ours on relation = oid and not relispartition
    ) as touched (line)
    where current_setting('track_counts')::boolean and not exists (
        select from pg_stat_activity
        where datname = current_database() and application_name = 'fact-events-dbt'
    )
"""
_VIEWS = """
    select md5(string_agg(line, E'\\n' order by line))
    from (
        select format('%s %s', oid, xmin) from ours where relkind = 'v'
        union all
        select format('%s %s %s %s', class, relation, number, parts.xmin)
        from parts inner join ours on relation = oid and relkind = 'v'
    ) as touched (line)
"""


def touched(db: Connection) -> str | None:
    """A fingerprint of the ledger and of all our relations: who altered them, rows ever written.

    None where Postgres does not count the latter, or not yet.
    """
    return _one(db, _RELATIONS + _ALL)


def touched_views(db: Connection) -> str | None:
    """A fingerprint of our views: who altered what of them; None where there is none."""
    return _one(db, _RELATIONS + _VIEWS)


def _one(db: Connection, query: str) -> str | None:
    with db.cursor() as cursor:
        cursor.execute(query)
        [(found,)] = cursor.fetchall()
    return found and f"{found}"
