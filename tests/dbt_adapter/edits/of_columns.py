"""Columns, and what partitions are of: what a full refresh makes of them."""

from __future__ import annotations

from tests.helpers import catalog
from tests.helpers.edited_models import Edit
from tests.helpers.strategy_project import PLAIN, PRICED

TIMED = PLAIN.but(
    columns=("sale integer", "sold_on date", "sold_at timestamp"), select="sale, sold_on, sold_at"
)


def of_varchar(length: int):
    """A model whose sale is a text of some length."""
    return PLAIN.but(
        columns=(f"sale varchar({length})", "sold_on date"),
        select=f"sale::varchar({length}) as sale, sold_on",
    )


COLUMNS = {
    "column_added_amid": Edit(
        PLAIN,
        PRICED,
        check=catalog.COLUMNS,
        expect=[("sale", "integer"), ("price", "integer"), ("sold_on", "date")],
    ),
    "column_added_first": Edit(
        PLAIN,
        PRICED.but(
            columns=("price integer", "sale integer", "sold_on date"),
            select="price, sale, sold_on",
        ),
        check="select * from {t} where sale = 1",
        expect=[(100, 1, catalog.NEW_YEARS_EVE)],
    ),
    "column_removed": Edit(
        PRICED, PLAIN, check=catalog.COLUMNS, expect=[("sale", "integer"), ("sold_on", "date")]
    ),
    "column_renamed": Edit(
        PRICED,
        PRICED.but(
            columns=("sale integer", "cost integer", "sold_on date"),
            select="sale, price as cost, sold_on",
        ),
        check="select sale, cost from {t} order by 1",
        expect=[(1, 100), (2, 200), (3, 300), (4, 400)],
    ),
    "column_widened": Edit(
        PLAIN,
        PLAIN.but(columns=("sale bigint", "sold_on date"), select="sale::bigint as sale, sold_on"),
        check=catalog.COLUMNS,
        expect=[("sale", "bigint"), ("sold_on", "date")],
    ),
    "text_widened": Edit(
        of_varchar(5),
        of_varchar(9),
        check=catalog.COLUMNS,
        expect=[("sale", "character varying(9)"), ("sold_on", "date")],
    ),
    "text_narrowed": Edit(
        of_varchar(9),
        of_varchar(5),
        check=catalog.COLUMNS,
        expect=[("sale", "character varying(5)"), ("sold_on", "date")],
    ),
    "column_of_dba": Edit(
        PLAIN,
        PRICED,
        others="""alter table {t} add column checked boolean not null default false,
            add column double int generated always as (sale * 2) stored""",
        check="select sale, price, checked, double from {t} order by 1 limit 1",
        expect=[(1, 100, False, 2)],
    ),
    "column_of_dba_in_place": Edit(
        PLAIN,
        others="""alter table {t} add column checked boolean not null default false,
            add column note text""",
        check="select sale, checked, note from {t} order by 1 limit 1",
        expect=[(1, False, None)],
    ),
    "column_of_dba_with_values": Edit(
        PLAIN,
        PRICED,
        others="alter table {t} add column note text; update {t} set note = 'seen' where sale = 1",
        check="select note from {t} where sale = 1",
        expect=[("seen",)],
        says="would lose the values of note, which is no column of the model",
    ),
    "column_of_published": Edit(
        PLAIN,
        PRICED,
        others="create publication of_sales for table {t}",
        check=catalog.COLUMNS,
        expect=[("sale", "integer"), ("sold_on", "date")],
        says="shop.column_of_published has to be made anew, and is published by of_sales",
    ),
    "default_of_dba": Edit(
        PLAIN,
        PRICED,
        others="alter table {t} alter column sale set default 7",
        check="select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = '{t}'::regclass",
        expect=[("7",)],
    ),
}
PARTITIONS = {
    "months_from_days": Edit(
        PLAIN,
        PLAIN.but(partition_by={"field": "sold_on", "granularity": "month"}),
        check="select count(*)::int from pg_inherits where inhparent = '{t}'::regclass",
        expect=[(3,)],
    ),
    "other_field": Edit(
        TIMED,
        TIMED.but(partition_by={"field": "sold_at"}),
        check="select pg_get_partkeydef('{t}'::regclass)",
        expect=[("RANGE (sold_at)",)],
    ),
    "days_of_nothing": Edit(
        PLAIN,
        others="""create table shop.left_over partition of {t}
            for values from ('2020-01-01') to ('2020-01-02');
            insert into {t} values (0, '2020-01-01')""",
        expect=[(1, "2025-12-31"), (2, "2026-01-01"), (3, "2026-01-02"), (4, "2026-02-01")],
    ),
}
