"""Whether anything is left for `make transform` to do: what the last one left, untouched since.

dbt needs three seconds to find that out, the ledger and Postgres' own counters a tenth of one.
"""

from __future__ import annotations

from contextlib import closing
from hashlib import sha256

from psycopg2.extensions import connection as Connection

from core.migrations import prepare
from core.settings import read_settings
from core.warehouse.connection import Warehouse
from core.warehouse.marks import mark, set_mark
from core.warehouse.target import is_dev
from transform.event_days import state
from transform.project import has_own_files, project_digest
from transform.settings import TransformSettings

_MARK = ("settled", "fact_events")
# Each table and view of ours, who has altered it or its columns, comments, indexes and the like,
# and how many rows were ever written to it; null where Postgres does not count them, or where a
# build goes on: it counts when it has ended. Of partitions, of which there may be thousands, not
# the columns.
_TOUCHED = """
    with ours as (
        select oid, xmin, relispartition from pg_class
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
    select md5(string_agg(line, E'\\n' order by line))
    from (
        select format('%s %s %s', kind, day, version) from raw.day_versions
        union all
        select format('%s %s %s', kind, name, value) from intermediate.marks where kind != 'settled'
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


def settled(warehouse: Warehouse) -> str:
    """What `make transform` says where it has nothing to do; "" where dbt has to look.

    Models and tests of the user's own may read anything: with them, dbt always looks.

    Raises:
        UserError: nothing could be built there.
    """
    if is_dev() or has_own_files():
        return ""
    with closing(warehouse.connect()) as db:
        prepare(db, is_dry=False)
        noted = mark(db, *_MARK)
        if noted is None or noted != _fingerprint(db):
            return ""
    said = "nothing to do: all days are built and tested as raw has them"
    return "\n".join([said, *state(warehouse).notes()])


def note_settled(warehouse: Warehouse) -> None:
    """Note that a build of all that was out of date has succeeded, and warned of nothing."""
    left = state(warehouse)
    if is_dev() or left.failed or left.owed or left.reshaped:
        return
    if left.older and read_settings(TransformSettings).rebuild == "auto":
        return
    with closing(warehouse.connect()) as db:
        if found := _fingerprint(db):
            set_mark(db, *_MARK, found)


def _fingerprint(db: Connection) -> str | None:
    """Of the tables, the project and the settings that tests read."""
    with db.cursor() as cursor:
        cursor.execute(_TOUCHED)
        [(touched,)] = cursor.fetchall()
    settings = read_settings(TransformSettings)
    asked = f"{settings.max_unknown_users} {settings.rebuild} {project_digest(with_tests=True)}"
    return touched and sha256(f"{touched} {asked}".encode()).hexdigest()
