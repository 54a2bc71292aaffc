"""Which upstream columns each column of a dbt model is made of, read from its compiled SQL."""

from __future__ import annotations

from typing import Any

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.lineage import lineage

from transform.project import parents

# By model and its text: in a process that runs it again, the answer is the same (0.05 s each).
_known: dict[tuple[str, str], dict[str, list[tuple[str, str]]]] = {}


def column_lineage(node: Any) -> dict[str, list[tuple[str, str]]]:
    """By column, the (unique id, column) pairs of the node's parents that it is made of.

    Args:
        node: a model of dbt's results. Parents whose columns dbt does not know are left out, and
            so are columns that SQL alone does not explain.
    """
    key = (node.unique_id, node.raw_code)
    if key not in _known:
        _known[key] = _column_lineage(node)
    return _known[key]


def _column_lineage(node: Any) -> dict[str, list[tuple[str, str]]]:
    tree = parse_one(node.compiled_code, dialect="postgres")
    schema: dict[str, dict[str, dict[str, str]]] = {}
    names: dict[tuple[str, str], str] = {}
    for unique_id, parent in parents(node.unique_id).items():
        table = (parent["schema"], parent.get("alias") or parent["name"])
        columns = {
            name: column["data_type"] or "text" for name, column in parent["columns"].items()
        }
        if columns:
            schema.setdefault(table[0], {})[table[1]] = columns
            names[table] = unique_id
    found: dict[str, list[tuple[str, str]]] = {}
    for column in node.columns:
        try:
            leaves = lineage(column, tree, schema=schema, dialect="postgres").walk()
        except SqlglotError:
            continue
        origins = set()
        for leaf in leaves:
            table = leaf.expression.find(exp.Table)
            if not leaf.downstream and table and (table.db, table.name) in names:
                origins.add((names[table.db, table.name], leaf.name.split(".")[-1]))
        found[column] = sorted(origins)
    return found
