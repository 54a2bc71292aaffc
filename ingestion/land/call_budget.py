"""How many requests a source may make of its API in a UTC day, whichever processes make them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from psycopg2.extensions import connection as Connection

from core.errors import UserError
from core.warehouse.connection import Warehouse

# One row a source and day, which is counted up under its own lock: processes that meet wait for
# each other for a moment, and never make more calls together than there are.
_SPEND = """
    insert into raw.source_calls as spent (source, day, calls)
    values (%(source)s, (now() at time zone 'UTC')::date, 1)
    on conflict (source, day) do update set calls = spent.calls + 1
    where spent.calls < %(limit)s
    returning calls
"""


def calls_left(db: Connection, source: str, limit: int) -> int:
    """The requests that a source may still make in this UTC day.

    Args:
        db: a connection to the warehouse.
        source: its name.
        limit: calls in a UTC day.
    """
    with db.cursor() as cursor:
        cursor.execute(
            """select calls from raw.source_calls
            where source = %s and day = (now() at time zone 'UTC')::date""",
            (source,),
        )
        spent: list[int] = [calls for (calls,) in cursor.fetchall()]
    return limit - sum(spent)


@contextmanager
def call_budget(warehouse: Warehouse, source: str, limit: int) -> Iterator[Callable[[], None]]:
    """What is to be called before each request, from any thread.

    A call that was counted stays so, also where the load comes to nothing.

    Args:
        warehouse: where calls are counted.
        source: its name.
        limit: calls in a UTC day; 0 for any number, which are not counted.

    Raises:
        UserError: from what is called: they are used up.
    """
    if not limit:
        yield lambda: None
        return
    with closing(warehouse.connect()) as db:

        def spend() -> None:
            with db.cursor() as cursor:
                cursor.execute(_SPEND, {"source": source, "limit": limit})
                if cursor.fetchone() is None:
                    raise UserError(
                        f"SOURCE_NAME={source!r} has used up its calls_per_day = {limit:,} of "
                        "this UTC day: nothing was loaded; ask for fewer days at a time, come back "
                        "tomorrow, or give it more"
                    )

        yield spend
