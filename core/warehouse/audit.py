"""Who took records out of the warehouse or built days anew, and when: the rows of `raw.audit`."""

from __future__ import annotations

import json
import os
import platform
import pwd
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from core.warehouse.connection import Warehouse

Counts = dict[str, dict[str, int]]


@dataclass
class Audit:
    """What one command has taken out so far: rows by room and table."""

    warehouse: Warehouse
    number: int
    deleted: Counts = field(default_factory=dict)

    def add(self, room: str, rows: Mapping[str, int]) -> None:
        """Note what a room has taken out, at once: the command may be cut off after it."""
        known = self.deleted.setdefault(room, {})
        for table, count in rows.items():
            known[table] = known.get(table, 0) + count
        _update(self, "deleted = %s", json.dumps(self.deleted))


@contextmanager
def audited(warehouse: Warehouse, command: str, subject: str) -> Iterator[Audit]:
    """A row of `raw.audit` for as long as a command runs; it has ended where the body does.

    One that was cut off is continued: what it had taken out counts too.

    Args:
        warehouse: where; its schema is of this version.
        command: forget, prune, retract or rebuild.
        subject: what was taken out, or built anew; of a user only a hash.
    """
    audit = _begun(warehouse, command, subject)
    yield audit
    _update(audit, "finished_at = clock_timestamp()")


def _begun(warehouse: Warehouse, command: str, subject: str) -> Audit:
    account = f"{_account()}@{platform.node()}"
    with closing(warehouse.connect()) as db, db.cursor() as cursor:
        cursor.execute(
            """update raw.audit set account = %s where audit_id = (
                select max(audit_id) from raw.audit
                where command = %s and subject = %s and finished_at is null
            ) returning audit_id, deleted""",
            (account, command, subject),
        )
        row = cursor.fetchone()
        if row is None:
            cursor.execute(
                """insert into raw.audit (command, subject, account) values (%s, %s, %s)
                returning audit_id, deleted""",
                (command, subject, account),
            )
            row = cursor.fetchone()
    number, deleted = row or (0, {})
    return Audit(warehouse, number, deleted)


def _account() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container with a user of no name
        return str(os.getuid())


def _update(audit: Audit, change: str, *values: str) -> None:
    with closing(audit.warehouse.connect()) as db, db.cursor() as cursor:
        cursor.execute(
            f"update raw.audit set {change} where audit_id = %s", (*values, audit.number)
        )
