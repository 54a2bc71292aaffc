"""Which builds may run at once.

Builds that only replace days share a lock: they queue by themselves, where they must. A build that
creates or alters tables is alone, because two would do it twice; so is retention, which takes days
out from under all models.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path

from core.warehouse.connection import Warehouse
from ingestion.land.ledger import schema_comment

_LOCK = "hashtext('fact_events.build')"


@contextmanager
def build_lock(warehouse: Warehouse, project: Path | None = None) -> Iterator[None]:
    """Hold the lock of a build while the body runs, waiting for it if need be.

    The comment of the schema `intermediate` names the project whose build has succeeded last: the
    first build of a database, and of a changed project, is alone.

    Args:
        warehouse: where the build runs.
        project: the dbt project's directory; None lets no build run meanwhile.
    """
    built_by = f"built by {_digest(project)}" if project else None
    with closing(warehouse.connect()) as db:
        share = built_by is not None and schema_comment(db, "intermediate") == built_by
        with db.cursor() as cursor:
            cursor.execute(f"select pg_advisory_lock{'_shared' if share else ''}({_LOCK})")
            yield
            if built_by is not None and not share:
                cursor.execute("comment on schema intermediate is %s", (built_by,))


def _digest(project: Path) -> str:
    """A digest of all that makes tables what they are: the project's SQL and YAML."""
    digest = hashlib.sha256()
    files = (project.glob(f"{folder}/**/*") for folder in ("models", "macros"))
    for path in [project / "dbt_project.yml", *sorted(chain(*files))]:
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
