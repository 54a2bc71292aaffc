"""Files of JSON objects over several lines, and what only looks like one."""

import json

from tests.helpers.landing import brief, jsonl, read_one

LINES = jsonl("e1") + jsonl("e2")
RECORDS = [json.loads(line) for line in LINES.splitlines()]
TWO = [("e1", None), ("e2", None)]


def test_an_array_below_a_key_is_no_list_of_records(tmp_path):
    """Nobody says which key it is: it is one record, and none that is accepted."""
    for indent in (None, 2):
        wrapped = json.dumps({"events": RECORDS, "next": None}, indent=indent).encode()
        [row] = read_one(tmp_path, "x.json", wrapped)
        assert row["reject_reason"] == "missing_event_id"
        assert row["payload"] == {"events": RECORDS, "next": None}


def test_a_brace_alone_among_lines_takes_no_line_along(tmp_path):
    rows = brief(read_one(tmp_path, "x.jsonl", b"{\n" + LINES))
    assert rows == sorted([*TWO, ("{", "malformed_json")], key=str)
