"""Models that are built, edited, and built again, all of a file in two runs of dbt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg2

from tests.helpers.pipeline import query
from tests.helpers.strategy_project import Model, StrategyProject


@dataclass(frozen=True)
class Edit:
    """What happens to a model between two runs, and what is there afterwards.

    In SQL `{t}` is the model's table, `{n}` its name.
    """

    before: Model
    after: Model | None = None  # None: nobody edits it
    others: str = ""  # what somebody else does to the table
    check: str = "select sale, sold_on::text from {t} order by 1"
    expect: list[tuple[Any, ...]] = field(default_factory=list)
    says: str = ""  # what the second run's error has in it


def run_edits(
    project: StrategyProject,
    edits: Mapping[str, Edit],
    *again: str,
    then: Callable[[], None] = lambda: None,
) -> dict[str, tuple[str, list[tuple[Any, ...]]]]:
    """Of every model: how its second run failed, and what `check` finds then.

    again: arguments of the second run. then: what else happens before it.
    """
    for name, edit in edits.items():
        project.write(name, edit.before)
    first = project.dbt("run")
    assert {name: said for name, said in first.items() if said} == {}
    for name, edit in edits.items():
        if edit.others:
            project.run_sql(edit.others.format(t=f"shop.{name}", n=name))
        project.write(name, edit.after or edit.before)
    then()
    said = project.dbt("run", *again)
    return {name: (said[name], checked(project, name, edit)) for name, edit in edits.items()}


def checked(project: StrategyProject, name: str, edit: Edit) -> list[tuple[Any, ...]]:
    """What `check` finds; Postgres' sentence where it cannot be asked."""
    try:
        return query(project.warehouse, edit.check.format(t=f"shop.{name}", n=name))
    except psycopg2.Error as error:
        return [(str(error),)]


def assert_edit(edit: Edit, found: tuple[str, list[tuple[Any, ...]]]) -> None:
    """The second run did what the edit expects."""
    said, rows = found
    if edit.says:
        assert edit.says in said
    else:
        assert said == ""
    assert rows == edit.expect
