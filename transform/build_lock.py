"""Which builds may run at once.

Builds that only replace days share a lock: they queue by themselves, where they must. A build that
creates or alters tables is alone, because two would do it twice; so is retention, which takes days
out from under all models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from core.warehouse.connection import Warehouse
from core.warehouse.interruptible import interruptible
from core.warehouse.marks import mark, set_mark
from core.warehouse.target import is_dev, schema_of
from core.warehouse.writable import keep_session

_BUILT = ("project", "fact_events")


def is_edited(warehouse: Warehouse, digest: str) -> bool:
    """Whether another project than that of a digest was built last."""
    with closing(warehouse.connect()) as db:
        return mark(db, *_BUILT) not in (digest, None)


@contextmanager
def build_lock(warehouse: Warehouse, digest: str | None = None) -> Iterator[Callable[[], None]]:
    """Hold the lock of a build while the body runs, waiting for it if need be.

    A mark has the digest of the project whose build has succeeded last: the first build of a
    database, and of a changed project, is alone. The body is given what to call when it has.

    Args:
        warehouse: where the build runs.
        digest: of the dbt project that is built; None lets no build run meanwhile.
    """
    with closing(warehouse.connect()) as db:
        keep_session(db)
        # A developer's builds are each alone, and nobody else's.
        share = digest is not None and not is_dev() and mark(db, *_BUILT) == digest
        with db.cursor() as cursor, interruptible():
            lock = f"select pg_advisory_lock{'_shared' if share else ''}(hashtext(%s))"
            cursor.execute(lock, (schema_of("fact_events.build"),))

        def succeeded() -> None:
            if digest is not None and not share and not is_dev():
                set_mark(db, *_BUILT, digest)

        yield succeeded
