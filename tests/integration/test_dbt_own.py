"""What a user adds to the dbt project is built, and outlives an upgrade."""

from __future__ import annotations

import json
import shutil

import pytest

from core.errors import UserError
from core.settings import ROOT
from tests.helpers.checkout import EditedProject
from tests.helpers.pipeline import build, deliver, event, ingest_files, query

DAY = "2026-01-01"
OWN = {
    "own/models/mine.sql": "select event_date, count(*) n from {{ ref('fact_events') }} group by 1",
    "own/models/mine.yml": (
        "models: [{name: mine, columns: "
        "[{name: event_date, data_tests: [unique, theirs.positive]}]}]"
    ),
    "own/models/deep/changing.sql": (
        "{{ config(materialized='incremental', unique_key='event_date',"
        " incremental_strategy='merge', schema='mine') }}"
        " select event_date, {{ my_macro() }} as n from {{ ref('mine') }}"
    ),
    "own/macros/my_macro.sql": "{% macro my_macro() %}n + 1{% endmacro %}",
    "own/tests/mine_is_small.sql": "select event_date from {{ ref('mine') }} where n > 1",
    "own/seeds/codes.csv": "code,name\n1,one\n",
    "own/snapshots/users.sql": (
        "{% snapshot users %}{{ config(unique_key='user_id', strategy='check', check_cols='all') }}"
        " select user_id from {{ ref('dim_users') }}{% endsnapshot %}"
    ),
    "own/models/stored.sql": (
        "{{ config(materialized='materialized_view') }} select * from {{ ref('mine') }}"
    ),
}
PACKAGE = {
    "dbt_project.yml": "{name: theirs, version: '1.0.0', models: {+materialized: table}}",
    "models/theirs.sql": "select 1 as one",
    "tests/generic/positive.sql": (
        "{% test positive(model, column_name) %} select * from {{ model }}"
        " where {{ column_name }} < date '1970-01-01' {% endtest %}"
    ),
}
THERE = (
    "analytics.mine",
    "mine.changing",
    "analytics.codes",
    "analytics.stored",
    "analytics.theirs",
)


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_own_models_and_packages_outlive_an_upgrade(warehouse, tmp_path, monkeypatch):
    deliver(tmp_path / "events", DAY, [event("a", f"{DAY}T10:00:00Z")])
    ingest_files(warehouse, tmp_path / "events", DAY)
    project = EditedProject(tmp_path / "checkout", monkeypatch)
    write(project.dbt_dir, OWN)
    write(tmp_path / "package", PACKAGE)
    packages = {"packages": [{"local": f"{tmp_path / 'package'}"}]}
    (project.dbt_dir / "packages.yml").write_text(json.dumps(packages))
    assert project.dbt("deps").success
    said = build()
    assert query(warehouse, "select event_date::text, n from mine.changing") == [(DAY, 2)]
    assert [query(warehouse, f"select count(*) from {name}") for name in THERE] == [[(1,)]] * 5

    # The files of the next release, over those of this one; and a day that is another one.
    shutil.copytree(ROOT / "dbt", project.dbt_dir, dirs_exist_ok=True)
    deliver(tmp_path / "events", DAY, [event(n, f"{DAY}T10:00:00Z") for n in "ab"])
    ingest_files(warehouse, tmp_path / "events", DAY)
    with pytest.raises(UserError, match=f"red days: {DAY}$"):  # their test, a blocking one
        build()
    assert query(warehouse, "select n from analytics.mine") == [(2,)]
    (project.dbt_dir / "own/tests/mine_is_small.sql").unlink()
    build()
    assert query(warehouse, "select n from mine.changing") == [(3,)]
    # As dbt counts them: no seed, snapshot or hook is a model.
    models = project.dbt("list", "--resource-type", "model").result
    assert said.startswith(f"dbt build: {len(models)} models, ")


def test_what_was_modified_is_what_was_edited(warehouse, tmp_path, monkeypatch):
    """In another database, and for another target, nothing was; then what somebody has edited."""
    project = EditedProject(tmp_path / "checkout", monkeypatch)
    state = tmp_path / "state"
    assert project.dbt("parse", "--target-path", f"{state}").success

    def modified() -> list[str]:
        selection = ("--select", "state:modified", "--state", f"{state}", "--output", "name")
        return project.dbt("list", *selection, "--resource-type", "model").result

    monkeypatch.setenv("PGDATABASE", "another")
    assert modified() == []
    monkeypatch.setenv("TARGET", "dev")
    monkeypatch.setenv("DEV_NAME", "anna")
    assert modified() == []
    project.edit("models/marts/dim_users.sql", "where", "where true and")
    assert modified() == ["dim_users"]
