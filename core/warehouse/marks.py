"""Small facts about the warehouse that outlive a process: the rows of `intermediate.marks`."""

from __future__ import annotations

from psycopg2.extensions import connection as Connection


def mark(db: Connection, kind: str, name: str) -> str | None:
    """What was noted under a kind and a name; None where nothing was."""
    with db.cursor() as cursor:
        cursor.execute(
            "select value from intermediate.marks where kind = %s and name = %s", (kind, name)
        )
        row = cursor.fetchone()
    return row[0] if row else None


def set_mark(db: Connection, kind: str, name: str, value: str) -> None:
    """Note a value under a kind and a name, in place of what was noted there."""
    with db.cursor() as cursor:
        cursor.execute(
            """insert into intermediate.marks (kind, name, value) values (%s, %s, %s)
            on conflict (kind, name)
            do update set value = excluded.value, noted_at = excluded.noted_at""",
            (kind, name, value),
        )
