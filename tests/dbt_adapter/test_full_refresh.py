"""A full refresh brings in force what a model says, and keeps what others put on its table."""

from __future__ import annotations

import pytest

from tests.dbt_adapter.edits import of_columns, of_keys, of_people
from tests.helpers.edited_models import assert_edit, run_edits

EDITS = {
    **of_keys.INDEXES,
    **of_keys.CONSTRAINTS,
    **of_columns.COLUMNS,
    **of_columns.PARTITIONS,
    **of_people.GRANTS,
    **of_people.COMMENTS,
}


@pytest.fixture(scope="module")
def found(project, roles):
    project.run_sql(
        """create table shop.known (sale int primary key);
        insert into shop.known select generate_series(1, 9)"""
    )
    return run_edits(project, EDITS, "--full-refresh")


@pytest.mark.parametrize("name", EDITS)
def test_a_full_refresh(found, name):
    assert_edit(EDITS[name], found[name])
