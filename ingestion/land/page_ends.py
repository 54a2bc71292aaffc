"""What the pages of an API have shown of their ends, kept over all loads of a source."""

from __future__ import annotations

from psycopg2.extensions import connection as Connection

from ingestion.source.unit import PageEnds


def page_ends(db: Connection, source: str, table: str, place: str) -> PageEnds:
    """What is known of the pages of a source and table.

    Args:
        db: a connection to the warehouse.
        source: the mapping's name.
        table: "events" or "user_profiles".
        place: the paginator's type, and where the next page is named: in another place nothing has
            been seen.
    """
    with db.cursor() as cursor:
        cursor.execute(
            """select place, is_seen, fullest, fullest_window from raw.page_ends
            where source = %s and table_name = %s and place = %s""",
            (source, table, place),
        )
        known = cursor.fetchone()
    return PageEnds(*known) if known else PageEnds(place)


def note_page_ends(db: Connection, source: str, table: str, ends: PageEnds) -> None:
    """Keep what is known now; what was seen once is never forgotten."""
    with db.cursor() as cursor:
        cursor.execute(
            """insert into raw.page_ends as known
                (source, table_name, place, is_seen, fullest, fullest_window)
            values (%s, %s, %s, %s, %s, %s)
            on conflict (source, table_name, place) do update set
                is_seen = known.is_seen or excluded.is_seen,
                fullest = excluded.fullest,
                fullest_window = excluded.fullest_window
            where (known.is_seen, known.fullest) <> (excluded.is_seen, excluded.fullest)""",
            (source, table, ends.place, ends.is_seen, ends.fullest, ends.fullest_window),
        )
