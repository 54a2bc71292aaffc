"""Indexes, keys and constraints: what a full refresh makes of them."""

from __future__ import annotations

from typing import Any

from tests.helpers import catalog
from tests.helpers.edited_models import Edit
from tests.helpers.strategy_project import PLAIN, PRICED

BY_SALE = {"indexes": [{"columns": ["sale"]}]}
BY_HASH = {"indexes": [{"columns": ["sale"], "type": "hash"}]}
WIDE = {"indexes": [{"columns": ["sold_on", "sale"], "unique": True}]}
NARROW = {"indexes": [{"columns": ["sold_on"], "unique": True}]}
# Two sales of one day.
TWICE = """(select * from shop.sales union all
    select 9, '2026-01-01', null, null, null) as sales"""
POSITIVE = {"type": "check", "expression": "sale > 0", "name": "positive"}
KNOWN = {
    "type": "foreign_key",
    "columns": ["sale"],
    "name": "known",
    "expression": "shop.known (sale)",
}
PRIMARY = {"type": "primary_key", "columns": ["sold_on", "sale"]}
CHECKED = ("positive", "CHECK ((sale > 0))")
METHODS = """
    select amname from pg_index
    inner join pg_class on pg_class.oid = indexrelid inner join pg_am on pg_am.oid = relam
    where indrelid = '{t}'::regclass
"""
DEFINITIONS = "select pg_get_indexdef(indexrelid) from pg_index where indrelid = '{t}'::regclass"
COUNT = "select count(*)::int from {t}"


def having(*constraints: dict[str, Any]) -> dict[str, Any]:
    """The yml of a model with constraints."""
    return {"constraints": list(constraints)}


INDEXES = {
    "index_added": Edit(
        PLAIN, PLAIN.but(config=BY_SALE), check=catalog.INDEXES, expect=[(False, "sale")]
    ),
    "index_removed": Edit(PLAIN.but(config=BY_SALE), PLAIN, check=catalog.INDEXES),
    "index_changed": Edit(
        PLAIN.but(config=BY_SALE), PLAIN.but(config=BY_HASH), check=METHODS, expect=[("hash",)]
    ),
    "index_twice": Edit(
        PLAIN.but(config={"indexes": BY_SALE["indexes"] * 2}),
        PRICED.but(config={"indexes": BY_SALE["indexes"] * 2}),
        check=catalog.INDEXES,
        expect=[(False, "sale")],
    ),
    "index_by_hand": Edit(
        PLAIN.but(config=BY_SALE),
        PLAIN,
        others="create index by_hand on {t} (sold_on, sale)",
        check=DEFINITIONS,
        expect=[
            ("CREATE INDEX by_hand ON ONLY shop.index_by_hand USING btree (sold_on, sale)",),
        ],
    ),
    "index_in_part": Edit(
        PLAIN,
        PRICED,
        others="create index in_part on {t} (sale) where sale > 1",
        check=DEFINITIONS,
        expect=[
            (
                "CREATE INDEX in_part ON ONLY shop.index_in_part USING btree (sale) "
                "WHERE (sale > 1)",
            ),
        ],
    ),
    "key_widened": Edit(
        PLAIN.but(config=NARROW), PLAIN.but(config=WIDE, source=TWICE), check=COUNT, expect=[(5,)]
    ),
    "key_narrowed": Edit(
        PLAIN.but(config=WIDE),
        PLAIN.but(config=NARROW),
        check=catalog.INDEXES,
        expect=[(True, "sold_on")],
    ),
    "key_narrowed_in_vain": Edit(
        PLAIN.but(config=WIDE, source=TWICE),
        PLAIN.but(config=NARROW, source=TWICE),
        check=catalog.INDEXES,
        expect=[(True, "sold_on, sale")],
        says="(sold_on)=(2026-01-01) is duplicated",
    ),
    "unique_key": Edit(
        PLAIN.but(config={"unique_key": ["sold_on"]}),
        PLAIN.but(config={"unique_key": ["sold_on", "sale"]}),
        check=catalog.INDEXES,
        expect=[(True, "sold_on, sale")],
    ),
}
CONSTRAINTS = {
    "check_added": Edit(
        PLAIN, PLAIN.but(yml=having(POSITIVE)), check=catalog.CONSTRAINTS, expect=[CHECKED]
    ),
    "check_removed": Edit(PLAIN.but(yml=having(POSITIVE)), PLAIN, check=catalog.CONSTRAINTS),
    "check_changed": Edit(
        PLAIN.but(yml=having(POSITIVE)),
        PLAIN.but(yml=having(POSITIVE | {"expression": "sale < 9"})),
        check=catalog.CONSTRAINTS,
        expect=[("positive", "CHECK ((sale < 9))")],
    ),
    "check_unnamed": Edit(
        PLAIN,
        PLAIN.but(
            of_column={"sale": {"constraints": [{"type": "check", "expression": "sale > 0"}]}}
        ),
        check=catalog.CONSTRAINTS,
        expect=[("check_unnamed_sale_check", "CHECK ((sale > 0))")],
    ),
    "check_violated": Edit(
        PLAIN,
        PLAIN.but(yml=having(POSITIVE | {"expression": "sale < 4"})),
        check=COUNT,
        expect=[(4,)],
        says='violates check constraint "positive"',
    ),
    "check_of_dba": Edit(
        PLAIN.but(yml=having(POSITIVE)),
        PRICED,
        others="alter table {t} add constraint of_dba check (sale < 1000)",
        check=catalog.CONSTRAINTS,
        expect=[("of_dba", "CHECK ((sale < 1000))")],
    ),
    "foreign_key_added": Edit(
        PLAIN,
        PLAIN.but(yml=having(KNOWN)),
        check=catalog.CONSTRAINTS,
        expect=[("known", "FOREIGN KEY (sale) REFERENCES shop.known(sale)")],
    ),
    "foreign_key_removed": Edit(PLAIN.but(yml=having(KNOWN)), PLAIN, check=catalog.CONSTRAINTS),
    "primary_key_added": Edit(
        PLAIN,
        PLAIN.but(yml=having(PRIMARY)),
        check=catalog.CONSTRAINTS,
        expect=[("primary_key_added_pkey", "PRIMARY KEY (sold_on, sale)")],
    ),
    "primary_key_removed": Edit(PLAIN.but(yml=having(PRIMARY)), PLAIN, check=catalog.CONSTRAINTS),
    "primary_key_kept": Edit(
        PLAIN.but(yml=having(PRIMARY)),
        check=catalog.INDEXES_OF_PARTITIONS,
        expect=[(True, 4, 4)],
    ),
    "primary_key_of_dba": Edit(
        PLAIN.but(columns=("sale integer not null", "sold_on date not null")),
        PRICED.but(columns=("sale integer not null", "price integer", "sold_on date not null")),
        others="alter table {t} add constraint of_dba primary key (sold_on, sale)",
        check=catalog.CONSTRAINTS,
        expect=[("of_dba", "PRIMARY KEY (sold_on, sale)")],
    ),
    "not_null_added": Edit(
        PLAIN,
        PLAIN.but(columns=("sale integer not null", "sold_on date")),
        check=catalog.NOT_NULL,
        expect=[("sale",)],
    ),
    "not_null_removed": Edit(
        PLAIN.but(columns=("sale integer not null", "sold_on date")),
        PLAIN,
        check=catalog.NOT_NULL,
    ),
    "not_null_of_dba": Edit(
        PLAIN,
        PRICED,
        others="alter table {t} alter column sale set not null",
        check=catalog.NOT_NULL,
        expect=[("sale",)],
    ),
    "not_null_violated": Edit(
        PLAIN.but(select="nullif(sale, 2) as sale, sold_on"),
        PLAIN.but(
            select="nullif(sale, 2) as sale, sold_on",
            columns=("sale integer not null", "sold_on date"),
        ),
        check=COUNT,
        expect=[(4,)],
        says='null value in column "sale"',
    ),
}
