"""Forgotten users: their rows are left out of every later delivery, before Postgres has them.

Kept is a keyed hash of the keyed hash of each user's id. No table has it as an id, and it tells a
user alike whose source delivers the id and one whose mapping has hashed it. The key is HASH_KEY;
where that is not set, one is made with the first user and kept beside the hashes. That protects
less: who may read both can try ids. It keeps nobody who has set nothing from erasing a person.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
from psycopg2.extensions import connection as Connection

from core.errors import Unavailable, UserError, hide
from core.keyed_hash import hash_key, hashes_in, is_hash, keyed_hash
from core.settings import HASH_KEY
from ingestion.mapping.projection import MAX_FIELD_BYTES
from ingestion.mapping.reasons import Reason

# Ids that are known to be nobody's, so that they are not hashed with each batch: a hash takes 1.5
# microseconds, looking one up 0.1.
MAX_KNOWN = 500_000


@dataclass(frozen=True)
class Forgotten:
    """Who was forgotten when a load began. `hashes`: by key.

    `left_out`: what that took from the load, by the number of the unit.
    """

    hashes: Mapping[bytes, frozenset[str]]
    left_out: Counter[int] = field(default_factory=Counter)
    _others: set[str] = field(default_factory=set)

    def fresh(self) -> Forgotten:
        """The same users, and nothing left out yet."""
        return Forgotten(self.hashes)

    def kept(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Landing rows without those of forgotten users. Where nobody was, it costs nothing."""
        if not self.hashes:
            yield from batches
            return
        for batch in batches:
            users = batch["user_id"].cast(pa.string())
            gone = [user for user in users.unique().to_pylist() if user and self.has(user)]
            is_gone = pc.or_(pc.is_in(users, pa.array(gone, pa.string())), self._overlong(batch))
            for unit, rows in Counter(batch.filter(is_gone)["_unit"].to_pylist()).items():
                self.left_out[unit] += rows
            yield batch.filter(pc.invert(is_gone))

    def _overlong(self, batch: pa.RecordBatch) -> pa.Array:
        """Which rows were rejected for an id that is too long for its column, and a forgotten
        user's."""
        is_long = pc.fill_null(pc.equal(batch["reject_reason"], Reason.OVERSIZED_FIELD), False)
        is_suspect = pc.and_(is_long, pc.is_null(batch["user_id"]))
        if not pc.any(is_suspect).as_py():
            return is_suspect
        rows = zip(is_suspect.to_pylist(), batch["payload"], strict=True)
        found = [maybe and any(map(self.has, _overlong_texts(row))) for maybe, row in rows]
        return pa.array(found, pa.bool_())

    def has(self, user: str) -> bool:
        """Whether a user was forgotten, by their id or the hash of it, with whatever around it."""
        if user in self._others:
            return False
        for key, hashes in self.hashes.items():
            if not hashes.isdisjoint(_told_by(user, key)):
                return True
        if len(self._others) < MAX_KNOWN:
            self._others.add(user)
        return False

    def require_unchanged(self, db: Connection) -> None:
        """Within the transaction that completes a load: refuse it where somebody was forgotten
        since it began, whom it may bring back.

        Raises:
            Unavailable: somebody was.
        """
        if forgotten(db).hashes != self.hashes:
            raise Unavailable(
                "a user was forgotten while records were read: nothing was loaded, run it again"
            )


def _overlong_texts(payload: pa.Scalar) -> list[str]:
    """The texts in a landing row's record that no column can hold."""
    left, found = [json.loads(payload.as_py()[1:])], []
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value
        elif isinstance(value, str) and len(value.encode(errors="replace")) > MAX_FIELD_BYTES:
            found.append(value)
    return found


def _told_by(user: str, key: bytes) -> Iterator[str]:
    """What may be kept of a user whose rows have this id."""
    once = keyed_hash(user, key)
    yield once  # the id is a hash itself; or a version before kept so
    yield keyed_hash(once, key)
    for hashed in hashes_in(user):
        yield keyed_hash(hashed, key)


def _kept_of(user: str, key: bytes) -> list[str]:
    """What is kept of a user; of one who was named by their hash both, in case it is an id."""
    once = keyed_hash(user, key)
    twice = keyed_hash(once, key)
    return [once, twice] if is_hash(user) else [twice]


def forgotten(db: Connection) -> Forgotten:
    """Who was forgotten until now.

    Raises:
        UserError: they were forgotten with another HASH_KEY, so nobody can tell them apart.
    """
    with db.cursor() as cursor:
        cursor.execute(
            """select key_id, key, count(*), array_agg(user_hash)
            from raw.forgotten inner join raw.forgotten_keys using (key_id) group by 1, 2"""
        )
        found = cursor.fetchall()
    hashes = {}
    for key_id, kept, users, of_key in found:
        key = _of_text(kept) if kept else HASH_KEY.read().encode()
        if not key or _key_id(key) != key_id:
            now = "is another one" if key else "is not set"
            raise UserError(
                f"HASH_KEY {now}, and {users:,} users were forgotten with it: give the HASH_KEY "
                "of then, or their records would come back"
            )
        hashes[key] = frozenset(of_key)
    return Forgotten(hashes)


def remember(db: Connection, user: str) -> str:
    """Keep the hash of a user who is being forgotten, in the transaction of that.

    Returns:
        The hash.

    Raises:
        UserError: HASH_KEY is too short.
    """
    key = _present_key(db)
    made = "" if key else secrets.token_hex(32)
    key = key or _of_text(made)
    kept, key_id = _kept_of(user, key), _key_id(key)
    with db.cursor() as cursor:
        cursor.execute(
            """insert into raw.forgotten_keys (key_id, key) values (%s, %s)
            on conflict do nothing""",
            (key_id, made or None),
        )
        for user_hash in kept:
            cursor.execute(
                """insert into raw.forgotten (user_hash, key_id) values (%s, %s)
                on conflict do nothing""",
                (user_hash, key_id),
            )
    return kept[0]


def _present_key(db: Connection) -> bytes | None:
    """HASH_KEY, or the one that was made; None where there is neither."""
    if HASH_KEY.read():
        return hash_key()
    with db.cursor() as cursor:
        cursor.execute("select key from raw.forgotten_keys where key is not null limit 1")
        row = cursor.fetchone()
    return _of_text(row[0]) if row else None


def _of_text(key: str) -> bytes:
    """A key that no message shows."""
    hide(key)
    return key.encode()


def _key_id(key: bytes) -> str:
    """Tells keys apart, and shows none."""
    return keyed_hash("raw.forgotten", key)[:16]
