"""Values of Parquet as text, also those that a writer has not marked as text."""

from __future__ import annotations

from duckdb.sqltypes import DuckDBPyType

from ingestion.mapping.duck_sql import name, quoted
from ingestion.mapping.landing_schema import NO_UTF8

_NESTED = ("list", "array", "struct", "map", "union")


def as_text(value: str, kind: DuckDBPyType) -> str:
    """The expression of a column as text; nested values as JSON.

    Args:
        value: the column, quoted.
        kind: its type.
    """
    if kind.id in _NESTED or str(kind) == "JSON":
        return f"cast(to_json({_decoded(value, kind)}) as varchar)"
    if kind.id in ("float", "double"):  # a missing one, as pandas writes it: no id is "nan"
        return f"case when not isnan({value}) then cast({value} as varchar) end"
    return f"cast({_decoded(value, kind)} as varchar)"


def _decoded(value: str, kind: DuckDBPyType, depth: int = 0) -> str:
    """The value with bytes as the text that they are. What is no UTF-8 is marked, as hex digits:
    its record is quarantined."""
    if kind.id == "blob":
        return f"coalesce(try(decode({value})), {quoted(NO_UTF8)} || lower(hex({value})))"
    if "BLOB" not in str(kind):
        return value
    item = f"item{depth}"
    if kind.id in ("list", "array"):
        inner = _decoded(item, _children(kind)["child"], depth + 1)
        return f"list_transform({value}, lambda {item}: {inner})"
    if kind.id == "map":
        parts = _children(kind)
        key = _decoded(f"{item}.key", parts["key"], depth + 1)
        inner = _decoded(f"{item}.value", parts["value"], depth + 1)
        entries = f"lambda {item}: struct_pack(key := {key}, value := {inner})"
        return f"map_from_entries(list_transform(map_entries({value}), {entries}))"
    if kind.id == "struct":
        members = (
            f"{name(key)} := {_decoded(f'{value}.{name(key)}', child, depth + 1)}"
            for key, child in _children(kind).items()
        )
        return f"case when {value} is not null then struct_pack({', '.join(members)}) end"
    return value


def _children(kind: DuckDBPyType) -> dict[str, DuckDBPyType]:
    """The types of which a type is made; of an array also its length is a child."""
    return {key: child for key, child in kind.children if isinstance(child, DuckDBPyType)}
