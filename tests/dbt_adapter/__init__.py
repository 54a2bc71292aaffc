"""What dbt-postgres does for a table, asked of the strategies alone, in a project of their own."""

import pytest

pytest.register_assert_rewrite("tests.helpers.edited_models")
