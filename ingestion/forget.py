"""A user leaves the landing tables: events, profiles, and the quarantined records that are theirs.

Whose a quarantined record is, landing has written into its user_id where it could be read. A
record without a user is theirs where another value in it is their id, whole, and that is no number
or word, which may be there by accident. One of somebody else that mentions them is not theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime

from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from core.errors import UserError
from core.scratch import remove_left_scratch
from core.traces import is_telling
from core.warehouse.connection import Warehouse, postgres_errors
from core.warehouse.given import VALUES, given
from core.warehouse.locks import exclusively
from ingestion.decode.attribution import users_of
from ingestion.land.forgotten import forgotten, remember
from ingestion.land.loads import TABLES, make_room
from ingestion.land.retention import delete_rows
from ingestion.mapping.mapping import TableMapping
from ingestion.mapping.projection import MAX_FIELD_BYTES
from ingestion.mapping.reading import Reading
from ingestion.mapping.reasons import UNREADABLE, Reason
from ingestion.source_mapping import source_mapping

# An id that is too long for a column is nowhere but in the record that was rejected for it.
_MENTIONS = f"""user_id is null and jsonb_typeof(payload) = 'object'
    and exists (
        select from pg_temp.given where number in (TELLING)
        and (reject_reason <> '{Reason.OVERSIZED_FIELD}' or octet_length(value) > {MAX_FIELD_BYTES})
        and jsonb_path_exists(payload, '$.** ? (@ == $user)', jsonb_build_object('user', value))
    )"""
_IS_USER = f"user_id = {VALUES}"
NOBODYS = "user_id is null and reject_reason is not null and reject_reason <> 'deletion'"
_FETCH_ROWS = 500
LOOKED_AT = 2**20  # characters of each of these, some are 32 MiB
# Of versions before, which did not look; and those that name nobody.
_UNREAD = (*UNREADABLE, Reason.OVERSIZED_FIELD)


def count_user(warehouse: Warehouse, *ids: str) -> dict[str, int]:
    """How many records of a user there are, by landing table.

    Args:
        warehouse: where; its schema is of this version.
        ids: whatever user_id has of them (`known_as`).
    """
    found = {}
    with (
        postgres_errors(warehouse, "forgetting"),
        closing(warehouse.connect()) as db,
        db.cursor() as cursor,
    ):
        cursor.execute("begin")  # and never a commit
        _attribute(db)
        with given(db, *ids):
            for table in TABLES:
                cursor.execute(f"select count(*) from raw.{table} where {_of(ids)}")
                [(found[f"raw.{table}"],)] = cursor.fetchall()
        cursor.execute("rollback")
    return found


def was_forgotten(warehouse: Warehouse, user: str) -> bool:
    """Whether a user was forgotten before; UserError as `forgotten` says."""
    with closing(warehouse.connect()) as db:
        return forgotten(db).has(user)


def leave_out(warehouse: Warehouse, user: str) -> str:
    """From now on no load brings records of a user; one under way is refused.

    Args:
        warehouse: where; its schema is of this version.
        user: their id as a source delivers it, or the keyed hash of it.

    Returns:
        What is kept of the user: a hash that is no id of theirs.

    Raises:
        UserError: HASH_KEY is too short, or Postgres refused.
    """
    with (
        postgres_errors(warehouse, "forgetting"),
        closing(warehouse.connect()) as db,
        exclusively(db),
    ):
        return remember(db, user)


def forget_user(warehouse: Warehouse, *ids: str) -> dict[str, int]:
    """Delete the records of a user, who is left out already. Also the working files of killed
    loads, whoever is in them.

    Args:
        warehouse: where; its schema is of this version.
        ids: whatever user_id has of them (`known_as`).

    Returns:
        By table, the rows deleted; also those of loads that never completed.

    Raises:
        UserError: Postgres refused.
    """
    remove_left_scratch()
    with postgres_errors(warehouse, "forgetting"), closing(warehouse.connect()) as db:
        with exclusively(db):
            _attribute(db)
            with given(db, *ids):
                deleted = delete_rows(db, dict.fromkeys(TABLES, _of(ids)), {})
        for table in TABLES:
            make_room(db, table, deleted[f"raw.{table}"])
    return deleted


def unattributed(warehouse: Warehouse) -> int:
    """How many quarantined records do not say whose they are."""
    with closing(warehouse.connect()) as db, db.cursor() as cursor:
        tables = " union all ".join(f"select from raw.{name} where {NOBODYS}" for name in TABLES)
        cursor.execute(f"select count(*) from ({tables}) as nobodys")
        [(records,)] = cursor.fetchall()
        return int(records)


def _of(ids: Sequence[str]) -> str:
    """Which records are a user's; their ids are VALUES."""
    telling = [f"{number}" for number, each in enumerate(ids, start=1) if is_telling(each)]
    if not telling:
        return _IS_USER
    return f"({_IS_USER} or {_MENTIONS.replace('TELLING', ', '.join(telling))})"


def _attribute(db: Connection) -> None:
    """Write whose they are into the quarantined records that versions before have landed."""
    with db.cursor() as cursor:
        for table in TABLES:
            unread = f"{NOBODYS} and reject_reason = any(%s)"
            cursor.execute(f"select distinct source from raw.{table} where {unread}", ([*_UNREAD],))
            for (source,) in cursor.fetchall():
                mapping = _mapping(source, table)
                if mapping is None:
                    continue
                with db.cursor("unread", withhold=True) as records:
                    records.execute(
                        f"""select ctid::text, left(payload #>> '{{}}', %s), reject_reason
                        from raw.{table} where source = %s and {unread}""",
                        (LOOKED_AT, source, [*_UNREAD]),
                    )
                    while found := records.fetchmany(_FETCH_ROWS):
                        _write(db, mapping, source, found)


def _mapping(source: str, table: str) -> TableMapping | None:
    """How a source's records are read; None where its mapping is not there any more."""
    try:
        mapping = source_mapping(source)
    except UserError:
        return None
    return mapping.events if table == "events" else mapping.profiles


def _write(
    db: Connection, mapping: TableMapping, source: str, records: Sequence[tuple[str, str, str]]
) -> None:
    places, texts, reasons = zip(*records, strict=True)
    users = users_of(Reading(mapping, source, datetime.now(UTC)), texts, reasons)
    known = [(place, user) for place, user in zip(places, users, strict=True) if user]
    with db.cursor() as cursor:
        execute_values(
            cursor,
            f"""update raw.{mapping.table} as r set user_id = v.user_id
            from (values %s) as v (place, user_id) where r.ctid = v.place::tid""",
            known,
        )
