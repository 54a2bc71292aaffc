"""EVENTS_URL on s3://…: a real S3 server on loopback, and the AWS variables."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from core.days import parse_window
from core.errors import UserError
from ingestion.decode import readers
from ingestion.mapping.mapping import load_mapping
from ingestion.mapping.reading import Reading
from ingestion.source import files
from ingestion.source.files import find_files
from tests.helpers.pipeline import event, ingest_files, query
from tests.helpers.servers import serving

FIRST, LAST = "2026-03-01", "2026-03-03"
GLOB = "s3://bucket/events/%Y-%m-%d*.jsonl.gz"
LANDED = "select ingest_date::text, event_id from raw.events order by 1, 2"
STARTED = datetime(2026, 3, 10, tzinfo=UTC)


def put(bucket, name: str, *ids: str) -> None:
    day = name[:10]
    lines = "".join(json.dumps(event(i, f"{day}T10:00:00Z")) + "\n" for i in ids)
    bucket.put_object(Key=f"events/{name}.jsonl.gz", Body=gzip.compress(lines.encode()))


def test_a_range_with_a_missing_day_and_days_delivered_again(warehouse, bucket):
    put(bucket, f"{FIRST}-a", "a", "b")
    put(bucket, f"{FIRST}-b", "c")
    put(bucket, LAST, "d")
    result = ingest_files(warehouse, GLOB, FIRST, LAST)
    assert query(warehouse, LANDED) == [(FIRST, "a"), (FIRST, "b"), (FIRST, "c"), (LAST, "d")]
    assert (len(result.events.days), result.missing_windows) == (2, 1)

    put(bucket, f"{FIRST}-a", "a2")  # in the same process: no listing or object is remembered
    put(bucket, f"{FIRST}-c", "e")
    put(bucket, LAST)
    put(bucket, "2026-03-02", "f")
    bucket.Object(f"events/{FIRST}-b.jsonl.gz").delete()
    result = ingest_files(warehouse, GLOB, FIRST, LAST)
    assert query(warehouse, LANDED) == [(FIRST, "a2"), (FIRST, "e"), ("2026-03-02", "f")]
    assert (len(result.events.days), result.missing_windows) == (3, 0)

    bucket.Object(f"events/{FIRST}-a.jsonl.gz").delete()
    bucket.Object(f"events/{FIRST}-c.jsonl.gz").delete()
    result = ingest_files(warehouse, "s3://bucket/events/%Y-%m-%d.jsonl.gz", FIRST, LAST)
    assert query(warehouse, LANDED) == [(FIRST, "a2"), (FIRST, "e"), ("2026-03-02", "f")]
    assert result.missing_windows == 1


def test_a_profile_and_the_endpoint_of_s3_alone(warehouse, bucket, login, monkeypatch, tmp_path):
    put(bucket, FIRST, "a")
    (tmp_path / "credentials").write_text(
        f"[reader]\naws_access_key_id = {login['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key = {login['AWS_SECRET_ACCESS_KEY']}\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_PROFILE", "reader")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", login["AWS_ENDPOINT_URL"])
    for name in login:
        monkeypatch.delenv(name)
    ingest_files(warehouse, GLOB, FIRST)
    assert query(warehouse, LANDED) == [(FIRST, "a")]


EVENTS = load_mapping("canonical").events
NAMED = "s3://bucket/events/%Y-%m-%d.jsonl.gz"
SECRET = "canary/secret+0123456789"


@pytest.mark.parametrize(
    ("template", "variables", "message"),
    [
        (GLOB, {"AWS_SECRET_ACCESS_KEY": SECRET}, "signature"),
        (NAMED, {"AWS_SECRET_ACCESS_KEY": SECRET}, "Forbidden"),
        (GLOB, {"AWS_ACCESS_KEY_ID": "unknown"}, "does not exist in our records"),
        (NAMED, {"AWS_ACCESS_KEY_ID": "unknown"}, "Forbidden"),
        (GLOB, {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "credentials"),
        (NAMED, {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "credentials"),
        (GLOB, {"AWS_PROFILE": "nobody", "AWS_ACCESS_KEY_ID": ""}, "nobody"),
        (GLOB, {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "http://127.0.0.1:1"),
        (GLOB.replace("bucket", "another"), {}, "bucket does not exist"),
        (NAMED.replace("bucket", "another"), {}, "matches no file"),
        (GLOB.replace("s3:", "gs:"), {}, "install gcsfs"),
        (GLOB.replace("s3:", "abfs:"), {}, "nstall adlfs"),
    ],
)
def test_what_is_refused_is_one_line(bucket, monkeypatch, tmp_path, template, variables, message):
    put(bucket, FIRST, "a")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # s3fs asks again too
    for name, value in variables.items():
        if value:
            monkeypatch.setenv(name, value)
        else:
            monkeypatch.delenv(name)
    with pytest.raises(UserError) as failed:
        find_files("EVENTS_URL", template, parse_window(FIRST, LAST), EVENTS)
    line = str(failed.value)
    assert line.startswith(f"EVENTS_URL={template!r} ")
    assert message in line
    assert "\n" not in line
    assert SECRET not in line


@contextmanager
def cutting(url: str, cuts: int) -> Iterator[str]:
    """A proxy that cuts the first so many downloads in the middle."""
    host, port = url.removeprefix("http://").split(":")
    left = [cuts]

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            upstream = HTTPConnection(host, int(port))
            headers = dict(self.headers.items())
            upstream.request("GET", self.path, headers=headers)
            answer = upstream.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("content-length", "connection", "server", "date"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.path.endswith(".gz") and left[0]:
                left[0] -= 1
                content = content[: len(content) // 2]
                self.close_connection = True
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    with serving(server) as url:
        yield url
    assert cuts > 99 or not left[0], "nothing was cut"


def test_a_download_that_is_cut_goes_on(warehouse, bucket, monkeypatch, login):
    ids = [f"e{number:04}" for number in range(2000)]
    put(bucket, FIRST, *ids)
    with cutting(login["AWS_ENDPOINT_URL"], cuts=2) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        ingest_files(warehouse, GLOB, FIRST)
    assert query(warehouse, LANDED) == [(FIRST, event_id) for event_id in ids]


def test_a_download_that_is_always_cut_is_one_line(warehouse, bucket, monkeypatch, login):
    put(bucket, FIRST, *map(str, range(2000)))
    with cutting(login["AWS_ENDPOINT_URL"], cuts=1000) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        with pytest.raises(UserError, match=f"^bucket/events/{FIRST}.jsonl.gz cannot be read: "):
            ingest_files(warehouse, GLOB, FIRST)
    assert query(warehouse, "select count(*) from raw.loads") == [(0,)]


def test_the_disk_holds_a_group_of_objects_at_a_time(bucket, monkeypatch, tmp_path):
    for number in range(1, 10):
        put(bucket, f"2026-03-0{number}", "a")
    delivery = find_files("EVENTS_URL", GLOB, parse_window(FIRST, "2026-03-09"), EVENTS)
    monkeypatch.setattr(files, "COPIED_BYTES", 3 * delivery.found[0].size)
    on_disk = []

    def watched():
        for _, unit in delivery.units(delivery.found, tmp_path):
            on_disk.append(len(list(tmp_path.rglob("fetched-*"))))
            yield unit

    batches = readers.read(watched(), Reading(EVENTS, "canonical", STARTED))
    assert sum(batch.num_rows for batch in batches) == 9
    assert max(on_disk) <= 4  # they differ by a byte or two
    assert not list(tmp_path.rglob("fetched-*"))
