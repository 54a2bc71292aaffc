"""What dbt says, as one line."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from transform.said import of_invocation, of_node

CODE = "select\n    event_id,\n    user_idx\nfrom events\nwhere selec\nselec\n"
MODEL = "model facts (models/facts.sql)"


def result(message: str, status: str = "error", kind: str = "model") -> SimpleNamespace:
    """dbt's result of a node."""
    node = SimpleNamespace(
        name="facts", resource_type=kind, original_file_path="models/facts.sql", raw_code=CODE
    )
    return SimpleNamespace(node=node, status=status, message=message)


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (
            f'Database Error in {MODEL}\n  column "user_idx" does not exist\n  LINE 11: user_idx,'
            '\n                ^\n  HINT:  Perhaps "user_id".\n  compiled code at run/facts.sql',
            'facts, dbt/models/facts.sql: column "user_idx" does not exist. Perhaps "user_id".',
        ),
        (
            f"Database Error in {MODEL}\n  no such column\n  LINE 11:     user_idx\n         ^",
            "facts, dbt/models/facts.sql:3: no such column",
        ),
        (
            f'Database Error in {MODEL}\n  syntax error at or near "selec"\n  LINE 9: selec\n  ^',
            'facts, dbt/models/facts.sql:6: syntax error at or near "selec"',
        ),
        (
            f"Database Error in {MODEL}\n  in the way\n  LINE 9: select\n  CONTEXT:  PL/pgSQL\n  x",
            "facts, dbt/models/facts.sql:1: in the way",
        ),
        (
            f"Compilation Error in {MODEL}\n  'no' is undefined.\n  \n"
            "  > in macro in_window (macros/days/window.sql)\n  > called by model facts (models/x)",
            "facts, dbt/models/facts.sql: 'no' is undefined. "
            "(macro in_window, dbt/macros/days/window.sql)",
        ),
        (
            f"Compilation Error in {MODEL}\n  no end\n  \n  > in macro x (macros/etc/x.sql)",
            "facts, dbt/models/facts.sql: no end",
        ),
        ("", "facts, dbt/models/facts.sql: "),
    ],
)
def test_a_node_that_failed(message, line):
    assert of_node(result(message)) == line


def test_a_test_that_failed_says_how_to_see_its_rows():
    line = of_node(result("Got 1 result, configured to fail if != 0", "fail", "test"))
    assert line == (
        "facts, dbt/models/facts.sql: Got 1 result, configured to fail if != 0; "
        "its rows: make dbt ARGS='show -s facts'"
    )


def test_a_hook_has_no_name():
    message = "Compilation Error in operation start-2 (./dbt_project.yml)\n  PGDATABASE=x has"
    assert of_node(result(message, kind="operation")) == "PGDATABASE=x has"


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (
            f"Compilation Error in {MODEL}\n  Expected an end\n    line 30\n      {{% if %}}",
            "dbt/models/facts.sql:30: Expected an end",
        ),
        (
            "Parsing Error\n  Error reading product_events: marts/x.yml - Runtime Error\n"
            "    Syntax error near line 2\n    ------------------------------\n    1  | x: [",
            "Error reading product_events: marts/x.yml - Runtime Error Syntax error near line 2",
        ),
        ("Runtime Error\n  Could not find profile", "Could not find profile"),
    ],
)
def test_an_invocation_that_failed(message, line):
    assert of_invocation(RuntimeError(message)) == line
    assert of_invocation(None) == "see above"
