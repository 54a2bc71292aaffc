"""What is said of a build that failed, and whether it is tried again."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from transform.build import why_it_failed

X0 = "0, dbt/x.sql: no lock"
ROWS = "its rows: make dbt ARGS='show -s "


def result(name: str, status: str, message: str = "") -> SimpleNamespace:
    """dbt's result of a node."""
    node = SimpleNamespace(name=name, resource_type="model", original_file_path="x.sql")
    return SimpleNamespace(node=node, status=status, message=message)


@pytest.mark.parametrize(
    ("statuses", "reason", "again"),
    [
        (["success", "pass", "warn", "skipped"], "", True),
        (["error"], X0, True),
        (["fail"], f"{X0}; {ROWS}0'", False),
        (
            ["error", "success", "fail"],
            f"0, dbt/x.sql: no lock; 2, dbt/x.sql: no lock; {ROWS}2'",
            False,
        ),
    ],
)
def test_a_failed_test_is_not_tried_again(statuses, reason, again):
    results = [result(f"{n}", status, "no\n  lock") for n, status in enumerate(statuses)]
    assert why_it_failed(results) == (reason, again)
