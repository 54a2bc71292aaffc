"""partition_overwrite copied into another dbt project: by month, with a window of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from dbt.cli.main import dbtRunner, dbtRunnerResult

from core.settings import ROOT
from core.warehouse.connection import Warehouse
from tests.helpers.pipeline import in_thread, query
from tests.helpers.tiers import matrix

PROJECT = """
name: elsewhere
version: "1.0.0"
profile: fact_events
flags: { send_anonymous_usage_stats: false }
on-run-start: ["{{ check_strategy_configs() }}"]
models: { +schema: shop }
"""
MACROS = """
{% macro of_the_test(name) %}
    {{ return(run_query('select ' ~ name ~ ' from shop.test').rows[0][0] if execute) }}
{% endmacro %}
{% macro partition_overwrite_spans() %}
    {{ return(fromjson(of_the_test('spans') or '[{}]')) }}
{% endmacro %}
{% macro partition_overwrite_kept_days() %}{{ return(of_the_test('kept') or '') }}{% endmacro %}
{% macro generate_schema_name(name, node) %}{{ return(name or target.schema) }}{% endmacro %}
"""
MODEL = """
{{ config(
    materialized='incremental',
    contract={'enforced': true},
    incremental_strategy='partition_overwrite',
    partition_by={'field': 'sold_on', 'granularity': 'month'},
    on_schema_change='append_new_columns',
    indexes=[{'columns': ['sold_on', 'sale'], 'unique': true}]
) }}
select sale, sold_on%s from shop.sales
where sold_on >= date '{{ partition_overwrite_spans()[0].first }}'
    and sold_on <= date '{{ partition_overwrite_spans()[-1].last }}'
"""
CONTRACT = """
models:
  - name: monthly
    columns:
      - { name: sale, data_type: integer, constraints: [{ type: not_null }] }
      - { name: sold_on, data_type: date, constraints: [{ type: not_null }] }
"""
ALL = [{"first": "2025-12-01", "last": "2026-02-28"}]
JANUARY = [{"first": "2026-01-01", "last": "2026-01-31"}]
ROWS = "select sale, sold_on::text from shop.monthly order by 1"


class Elsewhere:
    """A dbt project of one model, with the strategies' folder copied into it."""

    def __init__(self, folder: Path, warehouse: Warehouse) -> None:
        self.folder = folder
        self.warehouse = warehouse
        strategies = ROOT / "dbt" / "macros" / "strategies"
        shutil.copytree(strategies, folder / "macros" / "strategies", dirs_exist_ok=True)
        (folder / "models").mkdir(exist_ok=True)
        (folder / "macros" / "own.sql").write_text(MACROS)
        (folder / "dbt_project.yml").write_text(PROJECT)
        self.model("")

    def model(self, expression: str, contract: str = "") -> None:
        (self.folder / "models" / "monthly.sql").write_text(MODEL % expression)
        (self.folder / "models" / "monthly.yml").write_text(CONTRACT + contract)

    def configure(self, old: str, new: str) -> None:
        """Write the model's config otherwise."""
        assert old in MODEL
        (self.folder / "models" / "monthly.sql").write_text(MODEL.replace(old, new) % "")

    def run(self, spans: list[dict[str, str]], *arguments: str, kept: str = "null::date") -> None:
        outcome = self.try_to_run(spans, *arguments, kept=kept)
        assert outcome.success, [result.message for result in outcome.result]

    def try_to_run(
        self, spans: list[dict[str, str]], *arguments: str, kept: str = "null::date"
    ) -> dbtRunnerResult:
        kept = f"select {kept} where {kept} is not null"
        # By a table: another value of a variable would have dbt parse everything again, 3 s.
        query(
            self.warehouse,
            "delete from shop.test; insert into shop.test values (%s, %s) returning 1",
            json.dumps(spans),
            kept,
        )
        location = ["--project-dir", str(self.folder), "--profiles-dir", str(ROOT / "profiles")]
        # Its manifest is not to be taken for the project's.
        location += ["--target-path", str(self.folder / "target")]
        return in_thread(dbtRunner().invoke, ["run", "--quiet", *arguments, *location])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's, for all tests of this file: dbt parses what is new in it."""
    return tmp_path_factory.mktemp("elsewhere")


@pytest.fixture
def elsewhere(warehouse, folder):
    query(
        warehouse,
        """create schema shop; create table shop.sales (sale int, sold_on date);
        create table shop.test (spans text, kept text);
        insert into shop.sales
        values (1, '2025-12-31'), (2, '2026-01-01'), (3, '2026-01-31'), (4, '2026-02-01');
        create role analyst; select 1""",
    )
    yield Elsewhere(folder, warehouse)
    query(warehouse, "drop owned by analyst; drop role analyst; select 1")


def partitions(warehouse) -> dict[str, str]:
    return dict(
        query(
            warehouse,
            """select pg_get_expr(relpartbound, inhrelid), inhrelid::regclass::text
            from pg_inherits inner join pg_class on pg_class.oid = inhrelid
            where inhparent = 'shop.monthly'::regclass""",
        )
    )


def test_months(warehouse, elsewhere):
    elsewhere.run(ALL)
    before = partitions(warehouse)
    january = "FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')"
    assert set(before) == {
        "FOR VALUES FROM ('2025-12-01') TO ('2026-01-01')",
        january,
        "FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')",
    }

    # A day of the window is a month of the table: the query must say the whole month.
    query(warehouse, "delete from shop.sales where sale > 2; select 1")
    elsewhere.run(JANUARY)
    assert query(warehouse, ROWS) == [(1, "2025-12-31"), (2, "2026-01-01"), (4, "2026-02-01")]
    after = partitions(warehouse)
    assert {bounds for bounds in after if after[bounds] != before[bounds]} == {january}

    query(warehouse, "delete from shop.sales; select 1")
    elsewhere.run(JANUARY)
    assert query(warehouse, ROWS) == [(1, "2025-12-31"), (4, "2026-02-01")], "emptied, not kept"

    # February has been replaced from newer input meanwhile: it stays.
    elsewhere.run(ALL, kept="date '2026-02-14'")
    assert query(warehouse, ROWS) == [(4, "2026-02-01")]


def test_a_new_column_and_what_others_put_on_the_table(warehouse, elsewhere):
    elsewhere.run(ALL)
    query(
        warehouse,
        """grant select on shop.monthly to analyst with grant option;
        grant update (sale) on shop.monthly to analyst;
        comment on table shop.monthly is 'it''s theirs';
        comment on column shop.monthly.sale is 'no.';
        create index on shop.monthly (sale); select 1""",
    )
    elsewhere.model(", 'EUR' as currency", "      - { name: currency, data_type: text }\n")
    elsewhere.run(JANUARY)
    currencies = "select currency from shop.monthly order by sale"
    assert query(warehouse, currencies) == [(None,), ("EUR",), ("EUR",), (None,)]

    elsewhere.run(ALL, "--full-refresh")
    assert query(warehouse, currencies) == [("EUR",)] * 4
    assert query(
        warehouse,
        """select has_table_privilege('analyst', t, 'select with grant option'),
            has_column_privilege('analyst', t, 'sale', 'update'),
            has_column_privilege('analyst', t, 'sold_on', 'update'),
            obj_description(t, 'pg_class'), col_description(t, 1),
            (select array_agg(indkey::text order by indkey::text) from pg_index where indrelid = t)
        from (select 'shop.monthly'::regclass) as the (t)""",
    ) == [(True, True, False, "it's theirs", "no.", ["1", "2 1"])]
    children = """select count(*) from pg_inherits, pg_index
        where inhparent = 'shop.monthly'::regclass and indrelid = inhrelid"""
    assert query(warehouse, children) == [(2 * 3,)]


PARTITION_BY = "partition_by={'field': 'sold_on', 'granularity': 'month'}"
STRATEGY = f"incremental_strategy='partition_overwrite',\n    {PARTITION_BY}"


@matrix(
    "old, new, says",
    {
        "a key": {
            "misspelt": ("indexes=", "indices=", "indices is no config of partition_overwrite"),
            "of another strategy": ("indexes=", "sync_where='true', indexes=", "sync_where is no"),
        },
        "a missing key": {
            "partition_by": (PARTITION_BY, "tags=[]", "partition_overwrite needs the config parti"),
            "overwrite_by": (
                STRATEGY,
                "incremental_strategy='overwrite_days'",
                "overwrite_days needs the config overwrite_by",
            ),
            "unique_key": (
                STRATEGY,
                "incremental_strategy='sync_rows'",
                "sync_rows needs the config unique_key",
            ),
            "contract": ("'enforced': true", "'enforced': false", "needs an enforced contract"),
        },
        "a value": {
            "granularity": ("'month'", "'moon'", "granularity='moon' is none of hour, day, week"),
            "part": ("'granularity'", "'grain'", "partition_by.grain is neither field, "),
            "field": ("'field': 'sold_on'", "'field': 'sold'", "field='sold' is no column of"),
            "no mapping": (PARTITION_BY, "partition_by='sold_on'", "'sold_on' is no mapping"),
            "overwrite_by": (
                STRATEGY,
                "incremental_strategy='overwrite_days', overwrite_by='day'",
                "overwrite_by='day' is no column of the model's yml",
            ),
            "unique_key": (
                STRATEGY,
                "incremental_strategy='sync_rows', unique_key='sale'",
                "unique_key='sale' is no list",
            ),
        },
    },
)
def test_a_wrong_config_is_refused_before_anything_runs(warehouse, elsewhere, old, new, says):
    elsewhere.configure(old, new)
    outcome = elsewhere.try_to_run(ALL)
    assert not outcome.success
    [line] = [line for line in str(outcome.exception).splitlines() if says in line]
    assert line.strip().startswith("monthly: ")
    assert query(warehouse, "select to_regclass('shop.monthly')") == [(None,)]
