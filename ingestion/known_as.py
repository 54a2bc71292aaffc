"""The ids that the warehouse has of a person whom a source calls by one.

A mapping that hashes the user (`hash`) leaves the keyed hash of the id, perhaps with more around it
where `user_id` is an expression. Nothing has the hash's 64 digits by accident.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from psycopg2.extensions import connection as Connection

from core.errors import UserError
from core.keyed_hash import is_hash, keyed_hash
from core.settings import HASH_KEY
from core.warehouse.connection import Warehouse
from core.warehouse.given import given
from core.warehouse.locks import transaction

_TABLES = ("raw.events", "raw.user_profiles", "raw.retracted_profiles")
_AROUND = " union ".join(
    f"""select user_id from {table} where exists (
        select from pg_temp.given where position(value in lower(user_id)) > 0)"""
    for table in _TABLES
)
# What a live unit was read by ends with a mark of the key, where something was hashed
# (`ingestion.ingest`): this tells the keys that users were hashed with.
_MARK = "substring(read_as from '^[0-9a-f]{16}-[0-9]{4}-[0-9]{2}-[0-9]{2}-([0-9a-f]{8})$')"
_HASHED = f"""
    select source, mark from (
        select distinct source, {_MARK} as mark from raw.units where live
    ) as units
    where mark is not null and (
        exists (select from raw.events as e
            where e.source = units.source and e.user_id ~ '[0-9a-f]{{64}}')
        or exists (select from raw.user_profiles as p
            where p.source = units.source and p.user_id ~ '[0-9a-f]{{64}}')
    ) order by source
"""


@dataclass(frozen=True)
class KnownAs:
    """A person. `ids`: the one that was given, and what sources have made of it.

    `out_of_reach`: the sources whose users are hashes of another key; nobody can tell whether they
    have the person.
    """

    ids: tuple[str, ...]
    out_of_reach: tuple[str, ...] = ()

    def require_all(self) -> None:
        """Say that the person may be there still.

        Raises:
            UserError: a source is out of reach.
        """
        if self.out_of_reach:
            named = ", ".join(map(repr, self.out_of_reach))
            raise UserError(
                f"{named} has users as hashes of another HASH_KEY, and may have this one still: "
                "give the hash of then as USER_ID too (docs/erasing.md)"
            )


def known_as(warehouse: Warehouse, user: str) -> KnownAs:
    """Every id that the warehouse may have of a person.

    Args:
        warehouse: where; its schema is of this version.
        user: their id as a source delivers it; or the hash of it, which is then as good as the id.

    Raises:
        UserError: a source hashes its users, and HASH_KEY is not set, or is the key of none.
    """
    hashes = [user] if is_hash(user) else []
    with closing(warehouse.connect()) as db:
        strange = () if hashes else tuple(_out_of_reach(db))
        if HASH_KEY.read():
            hashes.append(keyed_hash(user))
        with transaction(db), given(db, *hashes), db.cursor() as cursor:
            cursor.execute(_AROUND)
            around = sorted(row[0] for row in cursor.fetchall())
    return KnownAs(tuple(dict.fromkeys((user, *hashes, *around))), strange)


def _out_of_reach(db: Connection) -> Iterator[str]:
    """The sources whose users are hashes of another key; UserError where all that hash are."""
    with db.cursor() as cursor:
        cursor.execute(_HASHED)
        found: list[tuple[str, str]] = cursor.fetchall()
    key = HASH_KEY.read()
    present = keyed_hash("")[:8] if key else ""
    strange = [source for source, mark in found if mark != present]
    if strange and len(strange) == len(found):
        now = "is another one" if key else "is not set"
        raise UserError(
            f"HASH_KEY {now}, and {strange[0]!r} has users as hashes made with it: give the "
            "HASH_KEY of then, or the hash of the user as USER_ID"
        )
    yield from dict.fromkeys(strange)
