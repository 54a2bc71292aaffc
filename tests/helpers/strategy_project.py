"""A dbt project that has nothing of ours but the strategies: what another project copies."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dbt.cli.main import dbtRunner, dbtRunnerResult

from core.settings import ROOT
from core.warehouse.connection import Warehouse
from tests.helpers.pipeline import in_thread

MACROS = ROOT / "dbt" / "macros"
PROJECT = {
    "name": "elsewhere",
    "version": "1.0.0",
    "profile": "fact_events",
    "flags": {"send_anonymous_usage_stats": False},
    "on-run-start": ["{{ check_strategy_configs() }}"],
    "models": {"+schema": "shop"},
}
OWN_MACROS = """
{% macro asked(column) %}
    {{ return(run_query("select " ~ column ~ " from shop.asked where model in ('" ~ this.identifier
        ~ "', '') order by model desc limit 1").rows[0][0] if execute) }}
{% endmacro %}
{% macro partition_overwrite_spans() %}{{ return(fromjson(asked('spans') or '[]')) }}{% endmacro %}
{% macro partition_overwrite_kept_days() %}{{ return(asked('kept') or '') }}{% endmacro %}
{% macro generate_schema_name(name, node) %}{{ return(name or target.schema) }}{% endmacro %}
"""
# Read by every model, so that these need not say what they select from.
SOURCES = """
create schema shop;
create table shop.asked (model text primary key, spans text, kept text);
create table shop.sales (sale int, sold_on date, sold_at timestamp, shop text, price int);
insert into shop.sales
select n, day, day + interval '10 hours', 'north', n * 100
from unnest(array['2025-12-31', '2026-01-01', '2026-01-02', '2026-02-01']::date[])
    with ordinality as days (day, n);
insert into shop.asked values
('', '[{"first": "2025-12-31", "last": "2026-01-02"},
    {"first": "2026-02-01", "last": "2026-02-01"}]',
'select null::date where false');
"""
JANUARY = [{"first": "2026-01-01", "last": "2026-01-02"}]


@dataclass(frozen=True)
class Model:
    """A model of the strategy, and what is said about it."""

    columns: tuple[str, ...] = ("sale integer", "sold_on date")
    select: str = "sale, sold_on"
    config: dict[str, Any] = field(default_factory=dict)
    yml: dict[str, Any] = field(default_factory=dict)
    of_column: dict[str, dict[str, Any]] = field(default_factory=dict)
    partition_by: dict[str, Any] | None = field(
        default_factory=lambda: {"field": "sold_on", "granularity": "day"}
    )
    source: str = "shop.sales"

    def but(self, **changes: Any) -> Model:
        """The model, edited."""
        return replace(self, **changes)

    def sql(self) -> str:
        """The model's file."""
        config: dict[str, Any] = {"materialized": "incremental"}
        if self.partition_by:
            config |= {
                "incremental_strategy": "partition_overwrite",
                "partition_by": self.partition_by,
                "on_schema_change": "append_new_columns",
                "contract": {"enforced": True},
            }
        given = ", ".join(f"{key}={value!r}" for key, value in (config | self.config).items())
        return f"{{{{ config({given}) }}}}\nselect {self.select} from {self.source}\n"

    def properties(self, name: str) -> dict[str, Any]:
        """Its entry in a yml: `not null` after a column's type is a constraint."""
        columns = []
        for column in self.columns:
            column_name, data_type = column.split(" ", 1)
            entry: dict[str, Any] = {"name": column_name, "data_type": data_type}
            if data_type.endswith(" not null"):
                entry["data_type"] = data_type.removesuffix(" not null")
                entry["constraints"] = [{"type": "not_null"}]
            extra = self.of_column.get(column_name, {})
            if "constraints" in entry and "constraints" in extra:
                extra = extra | {"constraints": entry["constraints"] + extra["constraints"]}
            columns.append(entry | extra)
        return {"name": name, "columns": columns, **self.yml}


PLAIN = Model()
PRICED = Model(
    columns=("sale integer", "price integer", "sold_on date"), select="sale, price, sold_on"
)


class StrategyProject:
    """A dbt project with the strategies' folder copied into it."""

    def __init__(self, folder: Path, warehouse: Warehouse) -> None:
        self.folder = folder
        self.warehouse = warehouse
        shutil.copytree(MACROS / "strategies", folder / "macros" / "strategies")
        (folder / "macros" / "own.sql").write_text(OWN_MACROS)
        (folder / "models").mkdir()
        self.configure({})
        self.run_sql(SOURCES)

    def configure(self, models: dict[str, Any]) -> None:
        """The configs of all models."""
        project = PROJECT | {"models": {"+schema": "shop"} | models}
        (self.folder / "dbt_project.yml").write_text(json.dumps(project))

    def write(self, name: str, model: Model | str) -> None:
        """A model's files; of a string the SQL alone."""
        sql = model if isinstance(model, str) else model.sql()
        (self.folder / "models" / f"{name}.sql").write_text(sql)
        if isinstance(model, Model):
            properties = {"models": [model.properties(name)]}
            (self.folder / "models" / f"{name}.yml").write_text(json.dumps(properties))
        else:
            (self.folder / "models" / f"{name}.yml").unlink(missing_ok=True)

    def forget(self, name: str) -> None:
        """A model that is no more in the project."""
        for suffix in ("sql", "yml"):
            (self.folder / "models" / f"{name}.{suffix}").unlink(missing_ok=True)

    def window(self, spans: list[dict[str, str]], model: str = "", kept: str = "") -> None:
        """Which days the next runs replace: of a model, or of those that have no own ones."""
        # By a table: another value of a variable would have dbt parse everything again, 3 s.
        kept = f"select {kept}" if kept else "select null::date where false"
        self.run_sql(
            """insert into shop.asked values (%s, %s, %s)
            on conflict (model) do update set spans = excluded.spans, kept = excluded.kept""",
            model,
            json.dumps(spans),
            kept,
        )

    def run_sql(self, statements: str, *parameters: Any) -> None:
        """What others do in the database."""
        with closing(self.warehouse.connect()) as db, db.cursor() as cursor:
            cursor.execute(statements, parameters or None)

    def dbt(self, *arguments: str, **options: Any) -> dict[str, str]:
        """Run dbt; of every model what went wrong, '' where nothing did."""
        outcome = self.invoke(*arguments, **options)
        assert outcome.exception is None, outcome.exception
        return {
            result.node.name: "" if result.status in ("success", "pass") else str(result.message)
            for result in outcome.result
            if result.node.resource_type != "operation"
        }

    def invoke(self, *arguments: str, threads: int = 4) -> dbtRunnerResult:
        """Bare dbt on the project."""
        location = ["--project-dir", str(self.folder), "--profiles-dir", str(ROOT / "profiles")]
        # Its manifest is not to be taken for the project's.
        location += ["--target-path", str(self.folder / "target"), "--threads", str(threads)]
        location += ["--log-path", str(self.folder / "logs")]
        return in_thread(dbtRunner().invoke, [*arguments, "--quiet", *location])
