"""An increment brings in force what it can of an edited model, and keeps what others have made."""

from __future__ import annotations

import pytest

from tests.dbt_adapter.edits.of_people import COMMENTS, GRANTS
from tests.helpers import catalog
from tests.helpers.edited_models import Edit, assert_edit, run_edits
from tests.helpers.pipeline import query
from tests.helpers.strategy_project import PLAIN, PRICED, Model

TABLE = Model(partition_by=None, config={"materialized": "table"})
BOTH = {"constraints": [{"type": "check", "expression": "sale < 9", "name": "few"}]}
NOT_NULL = PLAIN.but(columns=("sale integer not null", "sold_on date"))
SHORT = PLAIN.but(
    columns=("shop character varying(5)", "sold_on date"),
    select="shop::character varying(5) as shop, sold_on",
)
LONG = SHORT.but(
    columns=("shop character varying(9)", "sold_on date"),
    select="shop::character varying(9) as shop, sold_on",
)
PARTITIONS = """select relrowsecurity, count(*)::int from pg_class
    inner join pg_inherits on inhrelid = pg_class.oid
    where inhparent = '{t}'::regclass group by 1"""
KIND = """select relkind::text, (select count(*)::int from {t}) from pg_class
    where oid = '{t}'::regclass"""
EDITS = {
    **{name: GRANTS[name] for name in ("grant_added", "grant_removed", "grants_removed")},
    **{
        name: COMMENTS[name]
        for name in ("comments_changed", "comments_removed", "comments_no_more")
    },
    "column_added": Edit(
        PLAIN,
        PRICED,
        check="select sale, price from {t} order by 1",
        expect=[(sale, 100 * sale) for sale in range(1, 5)],
    ),
    "column_gone": Edit(
        PRICED, PLAIN, check="select count(price)::int, count(*)::int from {t}", expect=[(0, 4)]
    ),
    "text_widened": Edit(
        SHORT,
        LONG,
        check=catalog.COLUMNS,
        expect=[("shop", "character varying(9)"), ("sold_on", "date")],
    ),
    "type_changed": Edit(
        PLAIN,
        PLAIN.but(columns=("sale text", "sold_on date"), select="sale::text as sale, sold_on"),
        check=catalog.COLUMNS,
        expect=[("sale", "integer"), ("sold_on", "date")],
        says="sale",
    ),
    "check_gone": Edit(PLAIN.but(yml=BOTH), PLAIN, check=catalog.CONSTRAINTS),
    "not_null_gone": Edit(NOT_NULL, PLAIN, check=catalog.NOT_NULL),
    "row_security": Edit(
        PLAIN,
        others="""alter table {t} enable row level security;
            create policy of_north on {t} to analyst using (sale = 1)""",
        check=PARTITIONS,
        expect=[(True, 4)],
    ),
    "triggers": Edit(
        PLAIN,
        others="""create trigger suppress before update on {t} for each row
            execute function suppress_redundant_updates_trigger()""",
        check="select count(*)::int from pg_trigger where tgname = 'suppress'",
        expect=[(5,)],
    ),
    "read_by_others": Edit(
        PLAIN,
        PRICED,
        others="create view shop.of_{n} as select sale from {t}",
        check="select count(*)::int from shop.of_read_by_others",
        expect=[(4,)],
    ),
    "to_table": Edit(PLAIN, TABLE, check=KIND, expect=[("r", 4)]),
    "from_table": Edit(
        TABLE, PLAIN, check=KIND, expect=[("r", 4)], says="is not partitioned yet: run dbt once"
    ),
}


@pytest.fixture(scope="module")
def found(project, roles):
    return run_edits(project, EDITS)


@pytest.mark.parametrize("name", EDITS)
def test_an_increment(found, name):
    assert_edit(EDITS[name], found[name])


def test_what_failed_is_tried_again(project, found):
    """dbt retry builds what an earlier run could not, and nothing else."""
    for name in EDITS:
        project.forget(name)
    project.run_sql("create table shop.late (sale int, sold_on date)")
    project.write("retried", PLAIN.but(source="shop.late", select="sale, sold_on, 1/0 as no"))
    project.write("done", PLAIN)
    assert project.dbt("run")["done"] == ""
    project.run_sql("insert into shop.late values (7, '2026-01-01')")
    project.write("retried", PLAIN.but(source="shop.late"))
    assert project.dbt("retry") == {"retried": ""}
    assert query(project.warehouse, "select sale from shop.retried") == [(7,)]
