"""Names of tables and columns as people have them: cased, quoted, spaced, long, in two schemas."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers.pipeline import query
from tests.helpers.strategy_project import PLAIN, PRICED, Model

START = "sales_of_the_shops_in_the_north_and_in_the_south_by_the_day_"  # 60 characters
ALIASES = {
    "spaced": '"sales by day"',
    "dashed": '"sales-by-day"',
    "cased": '"Till"',
    "long_one": f'"{START}one"',
    "long_two": f'"{START}two"',
    "here": '"sales_here"',
    "elsewhere": 'other."sales_here"',
}
OF_COLUMNS = Model(
    columns=("SaleNo integer", "sold_on date"),
    select='sale as "SaleNo", sold_on',
    of_column={"SaleNo": {"quote": True}},
    config={"indexes": [{"columns": ['"SaleNo"']}]},
)
COUNTS = """select (select count(*)::int from {t}), (select count(*)::int from pg_inherits
    where inhparent = '{name}'::regclass), (select count(*)::int from pg_index
    where indrelid = '{name}'::regclass)"""


def aliased(model: Model, name: str) -> Model:
    """The model, under the table's name of a case, with an index and a key."""
    schema, _, alias = ALIASES[name].rpartition(".")
    config: dict[str, Any] = {
        "alias": alias.strip('"'),
        "unique_key": ["sale", "sold_on"],
        "indexes": [{"columns": ["sale"]}],
    }
    return model.but(config=config | ({"schema": schema} if schema else {}))


@pytest.fixture(scope="module")
def built(project):
    """Each built, an increment, a full refresh, and one that makes another table."""
    said = []
    for name in ALIASES:
        project.write(name, aliased(PLAIN, name))
    project.write("of_columns", OF_COLUMNS)
    said.append(project.dbt("run"))
    said.append(project.dbt("run"))
    said.append(project.dbt("run", "--full-refresh"))
    for name in ALIASES:
        project.write(name, aliased(PRICED, name))
    said.append(project.dbt("run", "--full-refresh"))
    return said


@pytest.mark.parametrize("name", ALIASES)
def test_tables(project, built, name):
    assert [run[name] for run in built] == [""] * 4
    table = ALIASES[name] if "." in ALIASES[name] else f"shop.{ALIASES[name]}"
    counts = COUNTS.format(t=table, name=table)
    assert query(project.warehouse, counts) == [(4, 4, 2)]


def test_columns(project, built):
    assert [run["of_columns"] for run in built] == [""] * 4
    rows = 'select "SaleNo" from shop.of_columns order by 1'
    assert query(project.warehouse, rows) == [(1,), (2,), (3,), (4,)]
