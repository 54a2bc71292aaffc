"""A key that is there twice: the last one counts below the top level, in fields and properties."""

import pytest

from tests.helpers.landing import read_one

MAPPING = """
[events]
event_id = "event_id"
user_id = "user"
event_type = "kind"
event_ts = "event_ts"
region = "null"
optional = ["region"]
consumes = ["event_id", "event_ts"]
[events.fields]
event_id = "event_id"
user = ["missing.id", "actor.id"]
kind = "$.list[0].deep.kind"
event_ts = "event_ts"
"""
RECORD = """{"event_id": "e1", "event_ts": "2026-03-01T12:00:00Z", "actor": %s, "list": %s}"""
KIND = '[{"deep": {"kind": "v"}}]'


@pytest.mark.parametrize(
    ("actor", "listed", "user", "kind"),
    [
        ('{"id": 1}', KIND, "1", "v"),
        ('{"id": 1, "id": 2}', KIND, "2", "v"),
        ('{"id": 1, "\\u0069d": 2}', KIND, "2", "v"),
        ('{"id": {"id": 1}, "id": 12345678901234567890}', KIND, "12345678901234567890", "v"),
        ('{"id": 1, "id": null}', KIND, None, "v"),
        ('{"id": 1}', '[{"deep": {"kind": "a"}, "deep": {"kind": "b", "kind": "c"}}]', "1", "c"),
        ('{"id": 1}', '[{"deep": {"kind": "a"}, "deep": {}}]', "1", None),
        ('{"id": "a\\\\b"}', '[{"kind": "x", "deep": {"kind": "v"}}]', "a\\b", "v"),
        ('"none"', "7", None, None),
    ],
)
def test_the_last_one_counts_in_a_field(tmp_path, actor, listed, user, kind):
    (tmp_path / "mine.toml").write_text(MAPPING)
    mine = str(tmp_path / "mine.toml")
    [row] = read_one(tmp_path, "x.jsonl", (RECORD % (actor, listed)).encode(), mine)
    reason = "missing_user_id" if user is None else "missing_event_type" if kind is None else None
    assert row["reject_reason"] == reason
    if reason is None:
        assert (row["user_id"], row["event_type"]) == (user, kind)


def test_at_the_top_level_the_record_is_quarantined(tmp_path):
    (tmp_path / "mine.toml").write_text(MAPPING)
    record = (RECORD % ('{"id": 1}', KIND))[:-1] + ', "extra": 1, "extra": 2}'
    [row] = read_one(tmp_path, "x.jsonl", record.encode(), str(tmp_path / "mine.toml"))
    assert row["reject_reason"] == "duplicate_key"
