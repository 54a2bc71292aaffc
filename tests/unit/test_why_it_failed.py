"""What is said of a build that failed, and whether it is tried again."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from transform.build import why_it_failed


def result(name: str, status: str, message: str = "") -> SimpleNamespace:
    """dbt's result of a node."""
    return SimpleNamespace(node=SimpleNamespace(name=name), status=status, message=message)


@pytest.mark.parametrize(
    ("statuses", "reason", "again"),
    [
        (["success", "pass", "warn", "skipped"], "", True),
        (["error"], "0: no lock", True),
        (["fail"], "0: no lock", False),
        (["error", "success", "fail"], "0: no lock; 2: no lock", False),
    ],
)
def test_a_failed_test_is_not_tried_again(statuses, reason, again):
    results = [result(f"{n}", status, "no\n  lock") for n, status in enumerate(statuses)]
    assert why_it_failed(results) == (reason, again)
