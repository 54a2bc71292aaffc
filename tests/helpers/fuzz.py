"""Mutated records of the shipped mappings, all the way: nothing crashes, nothing is lost."""

from __future__ import annotations

import csv
import io
import random
import re
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from core.warehouse.connection import Warehouse
from tests.helpers.pipeline import build, ingest_files, query

INSERTED = [
    *(b'"', b"'", b"\x00", b"\n", b"\r", b"\r\n", b",", b"{", b"}", b"[", b"]", b":", b"\\", b" "),
    *(b"\\u0000", b"\\ud800", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xe2\x80\xa8"),
    *(b"NaN", b"-Infinity", b"1e99999", b"9" * 400, b"null", b"[" * 600, b'{"a":' * 600, b",]"),
]
TOKEN = re.compile(rb"#\d{4}#")


def mutate(rng: random.Random, line: bytes) -> bytes:
    """A line with up to three faults; a third of the lines stay as they are."""
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        at = rng.randrange(len(line) + 1)
        length = rng.choice([1, 1, 2, 8, 40])
        match rng.choice(["flip", "delete", "insert", "insert", "truncate", "duplicate"]):
            case "flip" if at < len(line):
                line = line[:at] + bytes([line[at] ^ 1 << rng.randrange(8)]) + line[at + 1 :]
            case "delete":
                line = line[:at] + line[at + length :]
            case "insert":
                line = line[:at] + rng.choice(INSERTED) + line[at:]
            case "truncate" if rng.random() < 0.3:
                line = line[:at]
            case "duplicate":
                line = line[: at + length] + line[at:]
    return line


def records(content: bytes) -> int:
    """Lines of JSON that are not blank, whatever ends them."""
    return sum(bool(line.strip(b" \t")) for line in re.split(rb"[\r\n]", content))


def parquet(rng: random.Random, header: bytes, lines: list[bytes]) -> bytes:
    """Rows of mutated text as a Parquet file."""
    names = header.decode().split(",")
    values = [
        [mutate(rng, cell.encode()).decode(errors="replace") for cell in row[: len(names)]]
        for row in csv.reader(line.decode(errors="replace") for line in lines)
    ]
    columns = {name: [row[at] for row in values] for at, name in enumerate(names)}
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def is_csv(mapping: str) -> bool:
    return mapping in ("online_retail", "mooc_ed")


def assert_all_accounted_for(
    warehouse: Warehouse, folder: Path, logs: Mapping[str, Iterable[bytes]], rows: int
) -> None:
    """Land `rows` mutated lines of each mapping's log, one a day; of a CSV the first is its header.

    A record of CSV is what quotes make it: what must hold is that every line is kept.
    """
    rng = random.Random(4)  # noqa: S311
    received, tokens = {}, {}
    for day, (mapping, log) in enumerate(logs.items(), start=1):
        read = iter(log)
        header = next(read) if is_csv(mapping) else b""
        lines = list(islice((line for line in read if line != header), rows))
        assert len(lines) == rows
        if header:
            lines = [b"%b,#%04d#" % (line, number) for number, line in enumerate(lines)]
        content = b"\n".join(mutate(rng, line) for line in lines)
        path = folder / f"{mapping}-2026-01-0{day}.{'csv' if header else 'jsonl'}"
        path.write_bytes(header + b",token\n" + content if header else content)
        template = str(folder / f"{mapping}-%Y-%m-%d.*")
        received[day] = landed(warehouse, template, day, mapping)
        if header:
            tokens[mapping] = set(TOKEN.findall(content))
            assert len(tokens[mapping]) > rows * 0.8
        else:
            assert received[day] == records(content)
        if mapping == "online_retail":
            (folder / "rows.parquet").write_bytes(parquet(rng, header, lines))
    received[5] = landed(warehouse, str(folder / "rows.parquet"), 5, "online_retail")
    assert received[5] == rows
    build()
    assert_nothing_is_lost(warehouse, received, tokens)
    [(reasons, quarantined, facts)] = query(
        warehouse,
        """select count(distinct reason), count(*), (select count(*) from analytics.fact_events)
        from analytics.quarantined_events""",
    )
    assert (reasons >= 9, quarantined > rows, facts > rows) == (True, True, True)


def assert_nothing_is_lost(
    warehouse: Warehouse, received: dict[int, int], tokens: dict[str, set[bytes]]
) -> None:
    """`received` records by day of the month; every one of a source's `tokens` is in a payload."""
    assert query(
        warehouse,
        """select extract(day from ingest_date)::int, received, fact + duplicate + quarantined
        from analytics.row_accounting order by ingest_date""",
    ) == [(day, number, number) for day, number in received.items()]
    for mapping, expected in tokens.items():
        kept = query(
            warehouse,
            """select payload::text from raw.events
            where source = %s and ingest_date < '2026-01-05'""",
            mapping,
        )
        assert expected <= {token for (text,) in kept for token in TOKEN.findall(text.encode())}


def landed(warehouse: Warehouse, template: str, day: int, mapping: str) -> int:
    result = ingest_files(
        warehouse, template, f"2026-01-0{day}", mapping=mapping, max_quarantined=1
    )
    return result.events.total
