"""What a colleague does to the models and tests, and what the rows are then."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Edit:
    """A text of a model, and what is there instead."""

    file: str
    text: str
    instead: str


# A rule of dedup, an expression of the facts, one of the users, one of a table of counts.
EDITS = {
    "lesser payload wins": Edit(
        "models/intermediate/int_events_deduplicated.sql",
        '(payload::text) collate "C" desc',
        '(payload::text) collate "C" asc',
    ),
    "types in capitals": Edit(
        "models/marts/fact_events.sql",
        "    event_type,\n",
        "    upper(event_type) as event_type,\n",
    ),
    "tiers in capitals": Edit(
        "models/marts/dim_user_versions.sql",
        "    tier,\n    region,\n    updated_at as",
        "    upper(tier) as tier,\n    region,\n    updated_at as",
    ),
    "counts doubled": Edit(
        "models/marts/regional_daily_events.sql",
        "sum(events)::bigint as events",
        "(2 * sum(events))::bigint as events",
    ),
}
TEST = "tests/assert_nobody_buys.sql"
NOBODY_BUYS = """select event_date from {{{{ ref('fact_events') }}}}
where lower(event_type) = 'buy' and event_date = '{day}'
    and {{{{ in_built_days('event_date', 'fact_events') }}}}
"""


def apply(name: str, dbt_dir: Path) -> None:
    """Make an edit, or take it back where it was made."""
    edit = EDITS[name]
    path = dbt_dir / edit.file
    before = path.read_text()
    old, new = edit.text, edit.instead
    if new in before:
        old, new = new, old
    assert before.count(old) == 1, (name, old)
    path.write_text(before.replace(old, new))
