"""Deletions: which event days change where one comes or goes."""

from __future__ import annotations

from datetime import date

from psycopg2.extensions import connection as Connection

from ingestion.mapping.reasons import DELETION


def deleted_days(
    db: Connection, of_these: str, parameters: dict[str, object]
) -> set[tuple[date, date | None]]:
    """The event days of the events that deletions name, by the deletions' ingest day. Whoever has
    none pays nothing (there is an index of them); else all of raw.events is read once.

    Args:
        db: the connection of the load.
        of_these: which rows `r` of raw.events are meant.
        parameters: of that condition.
    """
    with db.cursor() as cursor:
        cursor.execute(
            f"""select r.user_id, r.event_id, r.ingest_date from raw.events as r
            where r.reject_reason = '{DELETION}' and {of_these}""",
            parameters,
        )
        found = cursor.fetchall()
        if not found:
            return set()
        users, events, days = zip(*found, strict=True)
        cursor.execute(
            """select distinct d.day, e.event_date from raw.events as e
            inner join unnest(%s::text[], %s::text[], %s::date[]) as d (user_id, event_id, day)
                using (user_id, event_id)
            where e.reject_reason is null""",
            (list(users), list(events), list(days)),
        )
        return {(day, event_date) for day, event_date in cursor.fetchall()}
