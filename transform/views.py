"""Whether views need no look: what the last complete build left, by the same project, untouched.

dbt needs a third of a small build to find that each view is the one it would make.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing

from core.migrations import prepare
from core.warehouse.connection import Warehouse
from core.warehouse.marks import mark, set_mark
from core.warehouse.relation import exists
from core.warehouse.target import is_dev
from transform.build_lock import is_edited
from transform.project import VIEWS, has_own_files, parents, project_digest
from transform.touched import touched_views

BESIDE_VIEWS = ("--selector", "beside_views")  # dbt/selectors.yml: their tests among it
_MARK = ("untouched views", "fact_events")


def are_untouched(warehouse: Warehouse) -> bool:
    """Whether all views are as a build of this project left them.

    Not known of a developer's schemas, nor where the user has models of their own.

    Raises:
        UserError: nothing could be built there.
    """
    # Another project may have been built between a build of this one and its note.
    if is_dev() or has_own_files() or is_edited(warehouse, project_digest()):
        return False
    with closing(warehouse.connect()) as db:
        prepare(db, is_dry=False)
        found = touched_views(db)
        return found is not None and mark(db, *_MARK) == f"{project_digest()} {found}"


def missing_views(warehouse: Warehouse, models: Collection[str]) -> list[str]:
    """The views that some models read, and the views that those read, that are not there.

    Of a first backfill Dagster makes two runs at once: the views of the ledger are another one's.

    Args:
        warehouse: where they ought to be.
        models: dbt's unique ids. Views among them do not count: they are about to be made.

    Returns:
        dbt's unique ids.
    """
    found: dict[str, bool] = {}
    left = list(models)
    with closing(warehouse.connect()) as db:
        while left:
            for unique_id, node in parents(left.pop()).items():
                is_view = node.get("config", {}).get("materialized") in VIEWS
                if is_view and unique_id not in found and unique_id not in models:
                    found[unique_id] = exists(db, f"{node['schema']}.{node['alias']}")
                    left.append(unique_id)
    return [unique_id for unique_id, is_there in found.items() if not is_there]


def note_views(warehouse: Warehouse) -> None:
    """Note that a build of all views has succeeded."""
    if is_dev() or has_own_files():
        return
    with closing(warehouse.connect()) as db:
        if found := touched_views(db):
            set_mark(db, *_MARK, f"{project_digest()} {found}")
