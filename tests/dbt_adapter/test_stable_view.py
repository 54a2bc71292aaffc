"""stable_view: what a view is after its model was edited, or others have been at it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dbt_adapter.edits.of_people import ALL_GRANTS, DOCS
from tests.helpers import catalog
from tests.helpers.edited_models import Edit, assert_edit, run_edits
from tests.helpers.pipeline import query
from tests.helpers.strategy_project import PLAIN, Model

STABLE: dict[str, Any] = {"materialized": "stable_view"}
VIEW = Model(partition_by=None, config=STABLE)
CONTRACT = VIEW.but(config=STABLE | {"contract": {"enforced": True}})
TABLE = VIEW.but(config={"materialized": "table"})
OF_DBT = VIEW.but(config={"materialized": "view"})
FACTS = PLAIN  # a partitioned table
KIND = "select relkind::text from pg_class where oid = '{t}'::regclass"
COLUMNS = """select attname::text from pg_attribute
    where attrelid = '{t}'::regclass and attnum > 0 order by attnum"""
SAME_OID = "select '{t}'::regclass::oid = (select oid from shop.before where name = '{n}')"
READ_BY_OTHERS = "create view shop.of_{n} as select sale from {t}"


def view(**config: Any) -> Model:
    """A stable view, configured otherwise."""
    return VIEW.but(config=STABLE | config)


DESCRIBED = view(**DOCS).but(
    yml={"description": "Sales."}, of_column={"sale": {"description": "Its number."}}
)
SILENT = view(**DOCS)
ONE_COLUMN = VIEW.but(columns=("sale integer",), select="sale")
WITH_PRICE = VIEW.but(select="sale, sold_on, price")
EDITS = {
    "unchanged": Edit(VIEW, check=SAME_OID, expect=[(True,)]),
    "rewritten": Edit(
        VIEW, VIEW.but(select="sale,  SOLD_ON /* so */"), check=SAME_OID, expect=[(True,)]
    ),
    "column_added": Edit(VIEW, WITH_PRICE, others=READ_BY_OTHERS, check=SAME_OID, expect=[(True,)]),
    "column_gone": Edit(VIEW, ONE_COLUMN, check=COLUMNS, expect=[("sale",)]),
    "column_gone_read": Edit(
        VIEW,
        ONE_COLUMN,
        others=READ_BY_OTHERS,
        check=COLUMNS,
        expect=[("sale",), ("sold_on",)],
        says="view shop.of_column_gone_read depends on view shop.column_gone_read",
    ),
    "column_gone_granted": Edit(
        VIEW,
        ONE_COLUMN,
        others="grant select on {t} to auditor; grant select (sold_on) on {t} to analyst",
        check=ALL_GRANTS,
        expect=[("auditor", "SELECT")],
    ),
    "header": Edit(
        VIEW,
        view(sql_header="set local work_mem = '5MB';").but(select="sale"),
        check=COLUMNS,
        expect=[("sale",)],
    ),
    # Grants and comments, also those that are no more said.
    "grant_added": Edit(
        VIEW,
        view(grants={"select": ["analyst"]}),
        check=catalog.GRANTS,
        expect=[("analyst", "SELECT")],
    ),
    "grant_revoked": Edit(
        view(grants={"select": ["analyst", "auditor"]}),
        view(grants={"select": ["auditor"]}),
        check=catalog.GRANTS,
        expect=[("auditor", "SELECT")],
    ),
    "grants_revoked": Edit(view(grants={"select": ["analyst"]}), VIEW, check=catalog.GRANTS),
    "grant_by_hand": Edit(
        VIEW,
        WITH_PRICE,
        others="grant select on {t} to auditor",
        check=catalog.GRANTS,
        expect=[("auditor", "SELECT")],
    ),
    "described": Edit(
        SILENT,
        DESCRIBED,
        check=catalog.COMMENTS,
        expect=[("", "Sales."), ("sale", "Its number.")],
    ),
    "no_more_described": Edit(DESCRIBED, SILENT, check=catalog.COMMENTS),
    "described_by_hand": Edit(
        SILENT,
        SILENT,
        others="comment on view {t} is 'theirs'",
        check=catalog.COMMENTS,
        expect=[("", "theirs")],
    ),
    # Contracts, also where the SQL is the same.
    "contract_holds": Edit(CONTRACT, check=SAME_OID, expect=[(True,)]),
    "contract_broken": Edit(
        CONTRACT,
        CONTRACT.but(columns=("sale text", "sold_on date")),
        check=SAME_OID,
        expect=[(True,)],
        says="This model has an enforced contract that failed",
    ),
    "contract_broken_anew": Edit(
        VIEW,
        CONTRACT.but(select="sale::text as sale, sold_on"),
        check=SAME_OID,
        expect=[(True,)],
        says="This model has an enforced contract that failed",
    ),
    # From another kind of relation, and to it.
    "from_table": Edit(TABLE, VIEW, check=KIND, expect=[("v",)]),
    "to_table": Edit(VIEW, TABLE, check=KIND, expect=[("r",)]),
    "from_partitions": Edit(FACTS, VIEW, check=KIND, expect=[("v",)]),
    "to_partitions": Edit(VIEW, FACTS, check=KIND, expect=[("p",)]),
    "from_dbt_view": Edit(OF_DBT, VIEW, others=READ_BY_OTHERS, check=SAME_OID, expect=[(True,)]),
    "to_dbt_view": Edit(VIEW, OF_DBT.but(select="sale"), check=COLUMNS, expect=[("sale",)]),
    "from_materialized": Edit(
        VIEW.but(config={"materialized": "materialized_view"}), VIEW, check=KIND, expect=[("v",)]
    ),
    "from_table_granted": Edit(
        TABLE,
        VIEW,
        others="grant select on {t} to auditor",
        check=catalog.GRANTS,
        expect=[("auditor", "SELECT")],
    ),
    "from_table_read": Edit(
        TABLE,
        VIEW,
        others=READ_BY_OTHERS,
        check=KIND,
        expect=[("r",)],
        says="view shop.of_from_table_read depends on table shop.from_table_read",
    ),
    "from_table_secured": Edit(
        TABLE,
        VIEW,
        others="alter table {t} enable row level security",
        check=KIND,
        expect=[("r",)],
        says="cannot have its row-level security: drop that first",
    ),
    "from_table_triggered": Edit(
        TABLE,
        VIEW,
        others="""create trigger suppress before update on {t} for each row
            execute function suppress_redundant_updates_trigger()""",
        check=KIND,
        expect=[("r",)],
        says="cannot have trigger suppress: drop that first",
    ),
    "to_partitions_read": Edit(
        VIEW,
        FACTS,
        others=READ_BY_OTHERS,
        check=KIND,
        expect=[("v",)],
        says="view shop.of_to_partitions_read depends on view shop.to_partitions_read",
    ),
}


@pytest.fixture(scope="module")
def found(project, roles):
    def note() -> None:
        project.run_sql(
            """create table shop.before as select relname as name, oid from pg_class
            where relnamespace = 'shop'::regnamespace"""
        )

    return run_edits(project, EDITS, then=note)


@pytest.mark.parametrize("name", EDITS)
def test_a_stable_view(found, name):
    assert_edit(EDITS[name], found[name])


def test_empty_and_views_of_views(project, found):
    """What reads a view that is made anew is made again, with grants, also where it is not run."""
    for name in EDITS:
        project.forget(name)
    project.write("lower", VIEW)
    reads = VIEW.but(source="{{ ref('lower') }}", select="sale")
    project.write("upper", reads.but(config=STABLE | {"grants": {"select": ["analyst"]}}))
    assert project.dbt("run") == {"lower": "", "upper": ""}
    rows = "select count(*)::int from shop.upper"
    assert project.dbt("run", "--empty") == {"lower": "", "upper": ""}
    assert query(project.warehouse, rows) == [(4,)], "left as it was"

    project.write("lower", VIEW.but(columns=("sale integer",), select="sale"))
    assert project.dbt("run", "--select", "lower") == {"lower": ""}
    assert query(project.warehouse, rows) == [(4,)]
    grants = catalog.GRANTS.format(t="shop.upper")
    assert query(project.warehouse, grants) == [("analyst", "SELECT")]
    project.write("upper", reads)
    assert project.dbt("run", "--select", "upper") == {"upper": ""}
    assert query(project.warehouse, grants) == [], "it was still known that the model had said it"
