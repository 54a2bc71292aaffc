"""Text quoted as DuckDB SQL."""

from __future__ import annotations


def quoted(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def name(text: str) -> str:
    """A SQL identifier, quoted."""
    return '"' + text.replace('"', '""') + '"'
