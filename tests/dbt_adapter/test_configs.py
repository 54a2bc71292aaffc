"""Configs: what is wrong is refused by name before anything runs, all of it at once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers.pipeline import query
from tests.helpers.strategy_project import PLAIN, Model

BY_DAY = {"field": "sold_on", "granularity": "day"}
DAYS: dict[str, Any] = {"incremental_strategy": "overwrite_days", "overwrite_by": "sold_on"}
NO_STRATEGY: dict[str, Any] = {"incremental_strategy": "append", "contract": {"enforced": False}}


def by(**partition_by: Any) -> Model:
    """Partitioned otherwise."""
    return PLAIN.but(partition_by=partition_by)


def config(**changes: Any) -> Model:
    """Configured otherwise."""
    return PLAIN.but(config=changes)


WRONG = {
    "unit": (by(field="sold_on", granularity="moon"), "granularity='moon' is none of hour, day, "),
    "hours_of_days": (
        by(field="sold_on", granularity="hour"),
        "partition_by.granularity='hour', and partition_by.field='sold_on' is a date",
    ),
    "no_time": (by(field="sale"), "partition_by.field='sale' is of the type integer, not date"),
    "field": (by(field="sold"), "partition_by.field='sold' is no column of the model's yml"),
    "no_field": (by(granularity="day"), "partition_by.field='' is no column of the model's yml"),
    "part": (by(field="sold_on", grain="day"), "partition_by.grain is neither field, granularity"),
    "no_mapping": (PLAIN.but(config={"partition_by": "sold_on"}), "'sold_on' is no mapping"),
    "misspelt": (config(indices=[]), "indices is no config of partition_overwrite"),
    "of_another": (config(sync_where="true"), "sync_where is no config of partition_overwrite"),
    "unlogged": (config(unlogged=True), "unlogged means nothing to partition_overwrite"),
    "predicates": (
        config(incremental_predicates=["true"]),
        "incremental_predicates means nothing to partition_overwrite",
    ),
    "no_contract": (
        config(contract={"enforced": False}),
        "partition_overwrite needs an enforced contract",
    ),
    "key": (config(unique_key="sale"), "unique_key='sale' lacks sold_on"),
    "missing": (
        Model(partition_by=None, config={"incremental_strategy": "overwrite_days"}),
        "overwrite_days needs the config overwrite_by",
    ),
    "no_unit": (
        Model(partition_by=None, config=DAYS | {"granularity": "month"}),
        "granularity='month' is neither day nor week",
    ),
    "cells_of_weeks": (
        Model(partition_by=None, config=DAYS | {"granularity": "week", "cell_column": "sale"}),
        "cell_column means nothing to weeks",
    ),
    "no_list": (
        Model(
            partition_by=None,
            config={"incremental_strategy": "sync_rows", "unique_key": "sale"},
        ),
        "unique_key='sale' is no list",
    ),
}
# partition_by is a word of other adapters too, and says nothing to other strategies.
RIGHT = {
    "of_other_strategies": PLAIN.but(config=NO_STRATEGY | {"partition_by": {"field": "sold"}}),
    "of_a_table": Model(partition_by=None, config={"materialized": "table", "partition_by": "x"}),
    "left_over": PLAIN.but(config={"materialized": "view", "partition_by": "x"}),
}


@pytest.fixture(scope="module")
def refused(project):
    for name, (model, _) in WRONG.items():
        project.write(f"wrong_{name}", model)
    outcome = project.invoke("run")
    for name in WRONG:
        project.forget(f"wrong_{name}")
    assert not outcome.success
    return str(outcome.exception).splitlines()


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_config_is_refused_in_a_line_that_names_the_model(project, refused, name):
    [line] = [line for line in refused if line.strip().startswith(f"wrong_{name}: ")]
    assert WRONG[name][1] in line
    assert query(project.warehouse, f"select to_regclass('shop.wrong_{name}')") == [(None,)]


def test_partition_by_says_nothing_to_other_strategies(project, refused):
    for name, model in RIGHT.items():
        project.write(name, model)
    assert project.dbt("run") == dict.fromkeys(RIGHT, "")
    kinds = "select relkind::text from pg_class where oid = 'shop.of_other_strategies'::regclass"
    assert query(project.warehouse, kinds) == [("r",)]
    assert project.dbt("run", "--select", "of_other_strategies") == {"of_other_strategies": ""}
    rows = "select count(*)::int from shop.of_other_strategies"
    assert query(project.warehouse, rows) == [(8,)], "appended, as its strategy says"
