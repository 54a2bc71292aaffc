"""Whether the disk of the server has room for another table of the size of one that is there."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from core.errors import UserError
from core.warehouse.connection import Warehouse
from core.warehouse.embedded import data_dir
from core.warehouse.target import schema_of


def require_room(warehouse: Warehouse, models: Sequence[str]) -> None:
    """Refuse what would fill the disk: the tables of some models anew, beside those that are there.

    Only the embedded server's disk can be seen; of another server it is said what it takes.

    Args:
        warehouse: where.
        models: their names.

    Raises:
        UserError: there is less room than they take now.
    """
    with closing(warehouse.connect()) as db:
        needed = _bytes(db, models)
    free = free_bytes(warehouse)
    if free is None:
        print(f"{shown(needed)} are needed on the disk of {warehouse.host}", file=sys.stderr)
    elif free < needed:
        raise UserError(
            f"{', '.join(models)} cannot be built beside what is there: that takes "
            f"{shown(needed)}, and {shown(free)} are free on the disk of {data_dir()} (LOCAL_DIR)"
        )


def free_bytes(warehouse: Warehouse) -> int | None:
    """What is free on the embedded server's disk; None of another server, whose cannot be seen."""
    disk = data_dir()
    return shutil.disk_usage(disk).free if Path(warehouse.host) == disk else None


def shown(size: int) -> str:
    """Bytes, for people."""
    for unit, length in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= length:
            return f"{size / length:.1f} {unit}"
    return f"{size} bytes"


def _bytes(db: Connection, models: Sequence[str]) -> int:
    with db.cursor() as cursor:
        query = sql.SQL(
            """select coalesce(sum(pg_total_relation_size(tree.relid)), 0)::bigint
            from {}.marks
            cross join pg_partition_tree(to_regclass(marks.name)) as tree
            where kind = 'table' and split_part(name, '.', 2) = any(%s)"""
        )
        state = sql.Identifier(schema_of("intermediate"))
        cursor.execute(query.format(state), (list(models),))
        [(size,)] = cursor.fetchall()
    return int(size)
