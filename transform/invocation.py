"""dbt, inside this process: the one place that starts it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt_common.events.base_types import EventMsg
from dbt_common.invocation import get_invocation_id

from core.errors import UserError
from core.settings import TARGET
from core.warehouse.connection import Warehouse
from core.warehouse.interruptible import interruptible
from core.warehouse.owner import as_owner
from core.warehouse.target import schema_of
from transform.project import PLACES

OnEvent = Callable[[EventMsg], None]


def invoke(
    warehouse: Warehouse,
    arguments: Sequence[str],
    env: Mapping[str, str] | None = None,
    on_event: OnEvent | None = None,
) -> dbtRunnerResult:
    """One invocation of dbt on the project, in a warehouse.

    Args:
        warehouse: where; dbt knows no other way to be told than libpq's variables, which it has
            for as long as it runs.
        arguments: dbt's, without those that say where the project is.
        env: more variables that only this invocation sees.
        on_event: told what dbt does.

    Raises:
        UserError: the database has a name that dbt's macros do not quote.
        KeyboardInterrupt: Ctrl-C; dbt has cancelled its queries. SystemExit likewise.
    """
    if set(warehouse.database) & set("'\""):
        raise UserError(
            f"PGDATABASE={warehouse.database!r} has a quote in its name, which dbt writes as it is"
        )
    runner = dbtRunner(callbacks=[on_event] if on_event else [])
    # dbt's own variable would win over the profile, which asks for ours.
    builder = as_owner(warehouse, schema_of("intermediate"))
    told = {**builder.libpq_env(), **PLACES, "DBT_TARGET": TARGET.read()}
    with _environment({**told, **(env or {})}), interruptible():
        outcome = runner.invoke([*arguments])
    if isinstance(outcome.exception, KeyboardInterrupt | SystemExit):
        raise outcome.exception
    return outcome


def last_invocation() -> str:
    """dbt's id of the last invocation of this process."""
    return str(get_invocation_id())


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        for name in values:
            os.environ.pop(name)
        os.environ.update({name: before[name] for name in values if name in before})
