"""2,000 mutated real records per format, all the way: nothing crashes, nothing is lost."""

from __future__ import annotations

import csv
import gzip
import io
import random
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import UserError
from ingestion.decode.readers import read_files
from ingestion.mapping.mapping import load_mapping
from ingestion.source.files import DeliveredFile
from tests.helpers.pipeline import build, ingest_files, query

RECORDS = 2_000
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


def lines_of(paths: Iterator[Path] | list[Path]) -> Iterator[bytes]:
    for path in sorted(paths):
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        yield from content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").splitlines()


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


def test_mutated_records_are_all_accounted_for(warehouse, shared_data, tmp_path):
    rng = random.Random(4)  # noqa: S311
    logs = {
        "usagov_clicks": (shared_data / "usagov_clicks").glob("*.gz"),
        "github_events": (shared_data / "github_events").glob("*.gz"),
        "online_retail": (shared_data / "online_retail").glob("*.csv.gz"),
        "mooc_ed": [shared_data / "mooc_ed" / "DLT1 Edgelist.csv"],
    }
    received, tokens = {}, {}
    for day, (mapping, paths) in enumerate(logs.items(), start=1):
        read = lines_of(paths)
        is_csv = mapping in ("online_retail", "mooc_ed")
        header = next(read) if is_csv else b""
        lines = list(islice((line for line in read if line != header), RECORDS))
        if is_csv:  # a record is what quotes make it: what must hold is that every line is kept
            lines = [b"%b,#%04d#" % (line, number) for number, line in enumerate(lines)]
        content = b"\n".join(mutate(rng, line) for line in lines)
        path = tmp_path / f"{mapping}-2026-01-0{day}.{'csv' if is_csv else 'jsonl'}"
        path.write_bytes(header + b",token\n" + content if is_csv else content)
        result = ingest_files(
            warehouse,
            str(tmp_path / f"{mapping}-%Y-%m-%d.*"),
            f"2026-01-0{day}",
            mapping=mapping,
            max_quarantined=1,
        )
        received[day] = result.events.total
        if is_csv:
            tokens[mapping] = set(TOKEN.findall(content))
            assert len(tokens[mapping]) > RECORDS * 0.8
        else:
            assert result.events.total == records(content)
        if mapping == "online_retail":
            (tmp_path / "rows.parquet").write_bytes(parquet(rng, header, lines))
    result = ingest_files(
        warehouse,
        str(tmp_path / "rows.parquet"),
        "2026-01-05",
        mapping="online_retail",
        max_quarantined=1,
    )
    assert result.events.total == RECORDS
    build()

    assert query(
        warehouse,
        """select extract(day from ingest_date)::int, received, fact + duplicate + quarantined
        from analytics.row_accounting order by ingest_date""",
    ) == [(day, rows, rows) for day, rows in (received | {5: RECORDS}).items()]
    for mapping, expected in tokens.items():
        kept = query(
            warehouse,
            """select payload::text from raw.events
            where source = %s and ingest_date < '2026-01-05'""",
            mapping,
        )
        assert expected <= {token for (text,) in kept for token in TOKEN.findall(text.encode())}
    [(reasons, quarantined, facts)] = query(
        warehouse,
        """select count(distinct reason), count(*), (select count(*) from analytics.fact_events)
        from analytics.quarantined_events""",
    )
    assert (reasons >= 9, quarantined > 2_000, facts > 2_000) == (True, True, True)


@pytest.mark.parametrize("packed", [False, True])
def test_mutated_bytes_of_a_file_are_rows_or_one_clear_line(tmp_path, packed):
    """What a damaged Parquet or gzip file cannot do is end the process, or read as another one."""
    rng = random.Random(5)  # noqa: S311
    table = pa.table({"InvoiceNo": [str(n) for n in range(500)], "StockCode": ["a\u00e9"] * 500})
    for name in ("Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"):
        table = table.append_column(name, pa.array(["1"] * 500))
    file = io.BytesIO()
    pq.write_table(table, file)
    original = gzip.compress(file.getvalue(), mtime=0) if packed else file.getvalue()
    path = tmp_path / ("x.parquet.gz" if packed else "x.parquet")
    delivered = DeliveredFile(str(path), path, "parquet", date(2026, 1, 1), 0)
    mapping = load_mapping("online_retail").events
    errors = []
    for _ in range(60):
        path.write_bytes(mutate(rng, mutate(rng, original)))
        try:
            started = datetime(2026, 1, 2, tzinfo=UTC)
            rows = sum(
                batch.num_rows
                for batch in read_files([delivered], mapping, "online_retail", started, 1_000)
            )
            assert rows == 500
        except UserError as error:
            errors.append(str(error))
    assert len(errors) > 10
    assert not [error for error in errors if "\n" in error]
