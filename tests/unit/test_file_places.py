"""Where files lie and what they are called: folders that say something, markers, odd signs."""

import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from core.errors import UserError
from tests.helpers.landing import HEADER, ROW, brief, found, jsonl, parquet, read, read_one, write
from tests.helpers.servers import serving

TWO = [("e1", None), ("e2", None)]
LINES = jsonl("e1") + jsonl("e2")
RECORDS = [json.loads(line) for line in LINES.splitlines()]


FOLDERS = "date=2026-03-01/User_ID=77/region=a%2Fb/empty=__HIVE_DEFAULT_PARTITION__"


@pytest.mark.parametrize("name", ["x.jsonl", "x.json.gz", "x.csv", "x.csv.zst", "x.parquet"])
def test_folders_give_what_the_file_has_not(tmp_path, name):
    contents = {
        "jsonl": LINES.splitlines(keepends=True)[1],
        "json": json.dumps(RECORDS[1:], indent=1).encode(),
        "csv": HEADER + b"\n" + ROW.replace(b"e1,u", b"e2,7"),
        "parquet": parquet(event_id=["e2"]),
    }
    content = contents[name.split(".")[1]]
    write(tmp_path, {f"{FOLDERS}/{name}": content})
    [row] = read(found(tmp_path, tmp_path / "*/*/*/*" / name))
    assert (row["event_id"], row["user_id"], row["region"]) == ("e2", "7", "eu")
    assert row["payload"] == {"date": "2026-03-01", "empty": None}


def test_folders_differ_within_a_delivery(tmp_path):
    bare = b'{"event_id": "%b", "event_type": "v", "event_ts": "2026-03-01T12:00:00Z"}\n'
    files = {f"user_id={n}/region=r{n}/x.jsonl": bare % f"e{n}".encode() for n in (1, 2)}
    write(tmp_path, files | {"user_id=3/region=r3/x.jsonl": b"{}\n[]\nnope\n"})
    rows = read(found(tmp_path, tmp_path / "user_id=*/region=*/x.jsonl"))
    good = sorted((row["event_id"], row["user_id"], row["region"]) for row in rows[:2])
    assert good == [("e1", "1", "r1"), ("e2", "2", "r2")]
    assert sorted(str(row["payload"]) for row in rows[2:]) == [
        "[]",
        "nope",
        "{'user_id': '3', 'region': 'r3'}",
    ]


@pytest.mark.parametrize("name", ["_file", "_PATH", "Line", "payload", "#0", "column1", "folder0"])
def test_no_name_of_a_column_is_ours(tmp_path, name):
    table = HEADER + b"," + name.encode() + b"\n" + ROW + b",theirs\n"
    folder = tmp_path / "place=here"
    for file, content in {
        "x.csv": table,
        "x.parquet": parquet(**{name: ["theirs"]}),
        "x.jsonl": jsonl(**{name: "theirs"}),
    }.items():
        [row] = read_one(folder, file, content)
        assert row["payload"] == {name: "theirs", "place": "here"}


def test_markers_and_checksums_are_no_data(tmp_path):
    day = "2026-03-01"
    markers = ("_SUCCESS", "_committed_7", "_started_7", ".part-0.json.crc", "part-0.json.crc")
    write(tmp_path, {f"{day}/{name}": b"" for name in markers})
    write(tmp_path, {f"{day}/_temporary/0/part-9.json": LINES, f"{day}/done": b""})
    write(tmp_path, {f"{day}/part-0.json": LINES, f"{day}/empty.jsonl": b""})
    files = found(tmp_path, tmp_path / "%Y-%m-%d/**")
    assert [Path(file.url).name for file in files.found] == ["empty.jsonl", "part-0.json"]
    assert files.left_out == 7
    assert brief(read(files)) == TWO


def test_what_a_template_writes_out_is_data(tmp_path):
    write(tmp_path, {"_in/_2026-03-01.jsonl": LINES, "_in/_2026-03-02-a.jsonl": b""})
    assert len(found(tmp_path, tmp_path / "_in/_%Y-%m-%d*.jsonl").found) == 2
    assert brief(read(found(tmp_path, tmp_path / "_in/_%Y-%m-%d.jsonl"))) == TWO


@pytest.mark.parametrize(
    ("folder", "template"),
    [("d[1]", "d[[]1]"), ("a%2Fb", "a%%2Fb"), ("a*b", "a[*]b"), ("a?b", "a[?]b"), ("a]b", "a]b")],
)
def test_signs_of_templates_can_be_written_as_themselves(tmp_path, folder, template):
    write(tmp_path, {f"{folder}/2026-03-01.jsonl": LINES})
    assert brief(read(found(tmp_path, f"{tmp_path}/{template}/%Y-%m-%d.jsonl"))) == TWO


@pytest.mark.parametrize(("template", "says"), [("d[1]", "[[]"), ("a%2Fb", "%%")])
def test_the_error_says_how_to_write_them(tmp_path, template, says):
    with pytest.raises(UserError, match="matches no file") as error:
        found(tmp_path, f"{tmp_path}/{template}/%Y-%m-%d.jsonl")
    assert says in str(error.value)


class _Signed(BaseHTTPRequestHandler):
    """A file for those who ask with the right query."""

    def do_HEAD(self):
        is_right = self.path == "/2026-03-01.jsonl?sig=a.b%2Fc"
        self.send_response(200 if is_right else 404)
        self.send_header("Content-Length", str(len(LINES) if is_right else 0))
        self.end_headers()
        return is_right

    def do_GET(self):
        if self.do_HEAD():
            self.wfile.write(LINES)

    def log_message(self, *_):
        pass


def test_an_http_url_with_a_query(tmp_path):
    server = HTTPServer(("127.0.0.1", 0), _Signed)
    with serving(server) as address:
        url = f"{address}/%Y-%m-%d.jsonl?sig=a.b%%2Fc"
        files = found(tmp_path, url)
        assert brief(read(files)) == TWO
        with pytest.raises(UserError, match="matches no file") as error:
            found(tmp_path, url.replace("a.b", "s3cret"))
        assert "s3cret" not in str(error.value)


class _Answers(BaseHTTPRequestHandler):
    """A file on the first day, and its status on the others; always of the same tag."""

    status = 404

    def do_HEAD(self):
        is_there = "2026-03-01" in self.path
        self.send_response(200 if is_there else self.status)
        self.send_header("Content-Length", str(len(LINES) if is_there else 0))
        self.send_header("ETag", '"v1"')
        self.end_headers()

    do_GET = do_HEAD

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("status", [403, 500, 503])
def test_a_web_server_that_fails_is_no_day_without_a_file(monkeypatch, tmp_path, status):
    server = HTTPServer(("127.0.0.1", 0), _Answers)
    with serving(server) as address:
        url = f"{address}/%Y-%m-%d.jsonl?sig=s3cret"
        files = found(tmp_path, url)
        assert [file.key.name for file in files.found] == ["2026-03-01.jsonl"]
        monkeypatch.setattr(_Answers, "status", status)
        with pytest.raises(UserError, match=rf"cannot be read: HTTP {status}$") as error:
            found(tmp_path, url)
    assert "s3cret" not in str(error.value)
    with pytest.raises(UserError, match="cannot be read: Cannot connect"):
        found(tmp_path, url)


def test_what_is_no_file_is_refused_or_left_alone(tmp_path):
    write(tmp_path, {"a.jsonl": LINES, "far/b.jsonl": LINES})
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "far" / "b.jsonl")
    (tmp_path / "folder.jsonl").symlink_to(tmp_path / "far")
    os.mkfifo(tmp_path / "pipe.jsonl")  # nobody ever writes into it
    names = [Path(file.url).name for file in found(tmp_path, tmp_path / "*.jsonl").found]
    assert names == ["a.jsonl", "link.jsonl"]
    (tmp_path / "link.jsonl").unlink()
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "nothing")
    with pytest.raises(UserError, match=r"cannot be read: .*link\.jsonl"):
        found(tmp_path, tmp_path / "*.jsonl")
    (tmp_path / "link.jsonl").unlink()
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.jsonl")).write_bytes(LINES)
    with pytest.raises(UserError, match="is no name in UTF-8"):
        found(tmp_path, tmp_path / "*.jsonl")
