"""What a resource yields, as lines of JSON: pages, records, tables and frames.

A time is written as ISO 8601 says, bytes as the text that they are, and a Decimal as a number, or
as text where it has more digits than a double: those of the readers end there. What is no record is
written as it is, and quarantined like any other line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, cast
from uuid import UUID

import pyarrow as pa

BATCH_ROWS = 10_000  # of a table; each row is a Python object for a moment


def json_lines(items: Iterable[object]) -> Iterator[bytes]:
    """A line for each record.

    Args:
        items: records, lists of them, or tables (of Arrow, pandas, Polars); None is nothing.

    Raises:
        TypeError: a value is nothing that JSON has.
    """
    for item in items:
        for record in _records(item):
            text = json.dumps(record, ensure_ascii=False, default=_plain)
            # Half a surrogate pair, which no UTF-8 has, becomes an escape: malformed, not lost.
            yield text.encode(errors="backslashreplace") + b"\n"


def _records(item: object) -> Iterator[object]:
    if item is None:
        return
    if isinstance(item, list | tuple):
        for each in item:
            yield from _records(each)
    elif isinstance(item, pa.RecordBatch):
        yield from item.to_pylist(maps_as_pydicts="strict")
    elif hasattr(item, "__arrow_c_stream__"):
        for batch in pa.RecordBatchReader.from_stream(item):
            for start in range(0, len(batch), BATCH_ROWS):
                yield from _records(batch.slice(start, BATCH_ROWS))
    else:
        yield item


def _plain(value: object) -> object:
    """What stands in JSON for a value that it has not. Any: of other libraries."""
    if isinstance(value, date | time):
        return value.isoformat() if value == value else None  # pandas' NaT is not
    if isinstance(value, Decimal):
        number = float(value)
        return str(value) if Decimal(repr(number)) != value == value else number
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes | bytearray):
        return value.decode(errors="surrogateescape")
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    return _of_libraries(value)


def _of_libraries(value: object) -> object:
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    for method in ("model_dump", "tolist"):  # of pydantic, of NumPy
        if hasattr(value, method):
            return cast(Any, value).__getattribute__(method)()
    raise TypeError(f"a value of the type {type(value).__name__} has no form in JSON")
