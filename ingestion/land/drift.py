"""Schema drift: which fields a load's records have, against the source's previous load.

Fields are sampled, so one that few records have may be missed: judgements are of fields that a
tenth of the records had.
"""

from __future__ import annotations

from collections.abc import Mapping

from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from core.errors import UserError
from ingestion.mapping.fields import Fields
from ingestion.mapping.mapping import TableMapping

MIN_RECORDS = 100  # fewer say nothing about a field that none of them has
MIN_JUDGED = 1_000  # smaller loads quarantine what they must


def previous_fields(db: Connection, source: str, table: str) -> Fields:
    """The fields of the source's latest completed load that has any."""
    found = Fields()
    with db.cursor() as cursor:
        cursor.execute(
            """select field, type, records, sampled from raw.load_fields
            where table_name = %(table)s and load_id = (
                select load_id from raw.loads
                where source = %(source)s and completed_at is not null and exists (
                    select from raw.load_fields as f
                    where f.load_id = loads.load_id and f.table_name = %(table)s
                )
                order by completed_at desc limit 1
            )""",
            {"source": source, "table": table},
        )
        for name, kind, records, sampled in cursor.fetchall():
            found.sampled = sampled
            found.add(name, kind, records)
    return found


def store_fields(db: Connection, load_id: str, table: str, fields: Fields) -> None:
    """Keep a load's fields in the ledger."""
    with db.cursor() as cursor:
        execute_values(
            cursor,
            """insert into raw.load_fields (load_id, table_name, field, type, records, sampled)
            values %s""",
            [
                (load_id, table, name.replace("\0", "\\u0000"), kind, records, fields.sampled)
                for name, kinds in fields.types.items()
                for kind, records in kinds.items()
            ],
        )


def refuse_lost_fields(source: str, mapping: TableMapping, before: Fields, now: Fields) -> None:
    """Refuse a load that lacks what its mapping needs and the previous one had.

    Raises:
        UserError: a field that a tenth of the records had is in none of this load's.
    """
    if now.sampled < MIN_RECORDS:
        return
    cleaned = {place: (place,) for place in mapping.cleaning.places}
    for alias, places in (cleaned | mapping.fields).items():
        tops = [place.removeprefix("$.").split(".")[0] for place in places]
        had = [name for name in tops if before.is_common(name)]
        if alias not in mapping.optional and had and not any(map(now.records, tops)):
            raise UserError(
                f"MAPPING={source!r} needs the field {had[0]!r}: {before.records(had[0]):,} of "
                f"{before.sampled:,} records looked at had it in the last load, none of "
                f"{now.sampled:,} has it in this one; nothing was loaded (if it is gone for good, "
                f"name it in `optional`)"
            )


def refuse_too_many_rejects(
    source: str, limit: float, rejected: Mapping[str, int], received: int
) -> None:
    """Refuse a load of which too much would be quarantined.

    Raises:
        UserError: the share is above `limit`, of at least MIN_JUDGED records.
    """
    total = sum(rejected.values())
    if received >= MIN_JUDGED and total > limit * received:
        reason = max(rejected, key=lambda name: rejected[name])
        raise UserError(
            f"MAX_QUARANTINED={limit:g}: {total / received:.2f} of {received:,} records of "
            f"MAPPING={source!r} would be quarantined, most as {reason} ({rejected[reason]:,}); "
            f"nothing was loaded"
        )


def changes(before: Fields, now: Fields) -> list[str]:
    """What came, went or changed its type, for people; nothing where there is no previous load."""
    if not before.sampled or not now.sampled:
        return []
    came = [name for name in now.types if now.is_common(name) and name not in before.types]
    went = [name for name in before.types if before.is_common(name) and name not in now.types]
    found = []
    for what, names in (("new", came), ("gone", went)):
        if names:
            found.append(f"{what} fields: {', '.join(sorted(names))}")
    for name in sorted(now.types.keys() & before.types.keys()):
        new, old = (set(fields.types[name]) - {"null", "column"} for fields in (now, before))
        if old and new - old:
            found.append(f"{name} was {'/'.join(sorted(old))}, is {'/'.join(sorted(new))}")
    return found
