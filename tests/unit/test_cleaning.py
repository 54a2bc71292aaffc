"""`drop` and `hash`: what is not to be kept is in nothing that lands, whatever the format."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json

import pyarrow as pa
import pytest

from core.errors import UserError
from ingestion.mapping.mapping import SHIPPED, load_mapping
from tests.helpers.landing import HEADER, ROW, found, parquet, read, write

KEY = "a key that only the tests have"
MAIL = "canary@example.com"


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("HASH_KEY", KEY)


def hashed(value: str) -> str:
    return hmac.new(KEY.encode(), value.encode(), hashlib.sha256).hexdigest()


def mapping(tmp_path, said: str, profiles: str = "") -> str:
    """The canonical mapping, in which some fields are not to be kept."""
    text = (SHIPPED / "canonical.toml").read_text()
    text = text.replace("[events.fields]", f"{said}\n[events.fields]")
    path = tmp_path / "cleaned.toml"
    path.write_text(text.replace("[profiles.fields]", f"{profiles}\n[profiles.fields]"))
    return str(path)


def lands(tmp_path, said: str, *lines: object, profiles: str = "") -> list:
    """The rows of JSON lines, of which the payloads are as they would be stored."""
    texts = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    write(tmp_path, {"a.jsonl": b"\n".join(texts) + b"\n"})
    path = mapping(tmp_path, said, profiles)
    return read(found(tmp_path, tmp_path / "a.jsonl", mapping=path), path)


def record(**more):
    base = {"event_id": "e1", "user_id": "u", "event_type": "v", "region": "eu"}
    return base | {"event_ts": "2026-03-01T12:00:00Z"} | more


def test_dropped_is_gone_and_hashed_is_hmac_also_below_an_object(tmp_path):
    said = 'drop = ["ip", "user.phone"]\nhash = ["email", "user.email", "a.b.c"]'
    one = record(ip="10.0.0.1", email=MAIL, user={"phone": "1", "email": MAIL, "age": 5}, x=[1])
    two = record(a={"b": {"c": 17, "d": 1}}, email=None, user={})
    three = record(email=" ", user={"email": ""}, a={"b": [MAIL]})
    four = record(**{"user.email": MAIL, "user.phone": "1"}, user=[{"email": MAIL}], a=MAIL)
    five = record(email={"of": [MAIL]}, ip=None, user=None)
    payloads = [row["payload"] for row in lands(tmp_path, said, one, two, three, four, five)]
    assert payloads[0] == {"email": hashed(MAIL), "user": {"email": hashed(MAIL), "age": 5}} | {
        "x": [1]
    }
    assert payloads[1] == {"a": {"b": {"c": hashed("17"), "d": 1}}, "email": None, "user": {}}
    assert payloads[2]["email"] == " "
    assert payloads[2]["user"] == {"email": ""}
    assert payloads[2]["a"] == {"b": hashed(f'["{MAIL}"]')}, "no object: taken for the place"
    assert payloads[3] == {
        "user.email": hashed(MAIL),
        "user": hashed(f'[{{"email":"{MAIL}"}}]'),
        "a": hashed(MAIL),
    }
    assert payloads[4] == {"email": hashed(f'{{"of":["{MAIL}"]}}'), "user": None}


@pytest.mark.parametrize(
    "fault",
    [
        {"event_ts": "yesterday"},
        {"event_ts": "1970-01-01T00:00:00Z"},
        {"event_type": ""},
        {"region": "r" * 2_000},
    ],
)
def test_a_record_that_is_quarantined_is_cleaned_and_whole(tmp_path, fault):
    [row] = lands(tmp_path, 'drop = ["ip"]\nhash = ["email"]', record(ip="1", email=MAIL, **fault))
    assert row["reject_reason"]
    assert row["payload"] == record(email=hashed(MAIL), **fault)


NOT_RECORDS = {
    "malformed_json": [f'{{"email": "{MAIL}"'.encode(), f'["{MAIL}"]'.encode(), b'{"a": NaN}'],
    "nul_character": [
        f'{{"email": "{MAIL}\\u0000"}}'.encode(),
        f'{{"email": "{MAIL}\0"}}'.encode(),
    ],
    "invalid_encoding": [f'{{"email": "{MAIL}'.encode() + b'\xff"}'],
    "duplicate_key": [f'{{"email": "{MAIL}", "email": "b"}}'.encode()],
    "nested_too_deeply": [b'{"a":' + b"[" * 600 + MAIL.join('""').encode() + b"]" * 600 + b"}"],
    "oversized_record": [b'{"email": "' + MAIL.encode() * 2**20 + b'"}'],
}


@pytest.mark.parametrize("reason", NOT_RECORDS)
def test_of_what_is_no_record_its_size_alone_is_kept(tmp_path, reason):
    for line in NOT_RECORDS[reason]:
        [row] = lands(tmp_path, 'hash = ["email"]', line)
        assert row["reject_reason"] == reason
        assert "canary" not in str(row)
        assert row["payload"].startswith("not kept: ")
        assert row["payload"].endswith(" bytes that are no record")
        [as_ever] = lands(tmp_path, "", line)
        assert as_ever["reject_reason"] == reason


def test_a_key_that_is_written_twice_or_with_escapes_does_not_slip_through(tmp_path):
    said = 'hash = ["email", "user.email"]\ndrop = ["user.ip"]'
    texts = [
        f'"\\u0065mail": "{MAIL}", "user": {{"email": "first", "email": "{MAIL}", "ip": 1}}',
        f'"user": {{"\\u0065mail": "{MAIL}", "email": "first", "ip": "{MAIL}", "ip": 2}}',
    ]
    start = json.dumps(record()).encode()[:-1]
    rows = lands(tmp_path, said, *(start + b", " + text.encode() + b"}" for text in texts))
    assert "canary" not in str(rows)
    assert rows[0]["payload"] == {"email": hashed(MAIL), "user": {"email": hashed(MAIL)}}


def test_the_user_id_is_hashed_alike_for_numbers_and_texts_of_any_format(tmp_path):
    said, ids = 'hash = ["user_id"]', [17, "17"]
    records = [record(user_id=each) for each in (*ids, " ")]
    rows = lands(tmp_path, said, *records, profiles=said)
    assert [row["user_id"] for row in rows] == [hashed("17"), hashed("17"), None]
    assert rows[2]["reject_reason"] == "missing_user_id"
    path = mapping(tmp_path, said, said)
    write(tmp_path, {"a.csv": HEADER + b"\ne1,17,v,2026-03-01T12:00:00Z,eu\n"})
    write(tmp_path, {"a.parquet": parquet(user_id=[17])})
    write(tmp_path, {"p.csv": b"user_id,updated_at\n17,2026-03-01T12:00:00Z\n"})
    for name in ("a.csv", "a.parquet", "p.csv"):
        is_profiles = name == "p.csv"
        [row] = read(found(tmp_path, tmp_path / name, mapping=path), path, profiles=is_profiles)
        assert row["user_id"] == hashed("17"), name


def test_csv_and_parquet_are_cleaned_by_column_and_in_json_below(tmp_path):
    said = 'drop = ["ip", "user.ip"]\nhash = ["email", "user.email"]'
    path = mapping(tmp_path, said)
    inner = json.dumps({"email": MAIL, "ip": "1", "age": 5}).replace('"', '""')
    head = HEADER + b",ip,email,user,x\n"
    lines = [
        ROW + f',10.0.0.1,{MAIL},"{inner}",1'.encode(),
        ROW + f",10.0.0.1,,{MAIL} no json,1".encode(),
        b"e1,u,v,never,eu," + f"10.0.0.1,{MAIL},,1".encode(),
    ]
    write(tmp_path, {"a.csv.gz": head + b"\n".join(lines) + b"\n"})
    rows = read(found(tmp_path, tmp_path / "a.csv.gz", mapping=path), path)
    assert "canary" not in str(rows)
    assert "10.0.0.1" not in str(rows)
    assert rows[0]["payload"]["email"] == hashed(MAIL)
    assert json.loads(rows[0]["payload"]["user"]) == {"email": hashed(MAIL), "age": 5}
    assert rows[1]["payload"]["user"] == hashed(f"{MAIL} no json")
    assert rows[2]["reject_reason"] == "invalid_event_ts"
    assert rows[2]["payload"]["email"] == hashed(MAIL)
    user = pa.array([{"email": MAIL, "ip": "1", "age": 5}])
    write(tmp_path, {"a.parquet": parquet(ip=["10.0.0.1"], email=[MAIL], user=user)})
    [row] = read(found(tmp_path, tmp_path / "a.parquet", mapping=path), path)
    assert row["payload"]["email"] == hashed(MAIL)
    assert json.loads(row["payload"]["user"]) == {"email": hashed(MAIL), "age": 5}
    assert "ip" not in row["payload"]


def test_lines_of_csv_that_cannot_be_split_are_not_kept(tmp_path):
    path = mapping(tmp_path, 'hash = ["email"]')
    lines = [ROW + b"," + MAIL.encode() + b",one,more", b'e1,u,"v' + MAIL.encode()]
    write(tmp_path, {"a.csv": HEADER + b",email\n" + b"\n".join(lines) + b"\n"})
    rows = read(found(tmp_path, tmp_path / "a.csv", mapping=path), path)
    assert [row["reject_reason"] for row in rows] == ["malformed_csv"] * 2
    assert "canary" not in str(rows)
    assert {row["payload"] for row in rows} == {
        f"not kept: {len(line)} bytes that are no record" for line in lines
    }


def test_a_column_that_is_not_there_is_refused_without_naming_the_others(tmp_path):
    path = mapping(tmp_path, 'hash = ["email"]')
    write(tmp_path, {"a.csv": HEADER + b",E-Mail\n" + ROW + b"," + MAIL.encode() + b"\n"})
    with pytest.raises(UserError, match=r"hash the column 'email', and line 1 of .* 6 others"):
        read(found(tmp_path, tmp_path / "a.csv", mapping=path), path)
    write(tmp_path, {"a.csv": b"e1,u,v,2026-03-01T12:00:00Z,eu," + MAIL.encode() + b"\n" * 2})
    with pytest.raises(UserError) as error:
        read(found(tmp_path, tmp_path / "a.csv", mapping=path), path)
    assert "canary" not in str(error.value)
    said = 'hash = ["email"]'
    text = (tmp_path / "cleaned.toml").read_text().replace('["region"]', '["region", "email"]', 1)
    assert said in text
    (tmp_path / "cleaned.toml").write_text(text)
    write(tmp_path, {"a.csv": HEADER + b"\n" + ROW + b"\n"})
    [row] = read(found(tmp_path, tmp_path / "a.csv", mapping=path), path)
    assert row["reject_reason"] is None


def test_without_a_key_nothing_is_read(tmp_path, monkeypatch):
    monkeypatch.delenv("HASH_KEY")
    with pytest.raises(UserError, match="HASH_KEY is not set"):
        lands(tmp_path, 'hash = ["email"]', record(email=MAIL))
    [row] = lands(tmp_path, 'drop = ["email"]', record(email=MAIL))
    assert row["payload"] == {}, "what is dropped needs no key"


def test_no_error_of_duckdb_tells_the_value_or_the_key(tmp_path):
    path = mapping(tmp_path, 'hash = ["email"]')
    text = (tmp_path / "cleaned.toml").read_text()
    text = text.replace('region = "region"', 'region = "email::int"', 1)
    text = text.replace("[events.fields]", '[events.fields]\nemail = "email"')
    (tmp_path / "cleaned.toml").write_text(text)
    write(tmp_path, {"a.jsonl": json.dumps(record(email=MAIL)).encode()})
    with pytest.raises(UserError, match="cannot read the files") as error:
        read(found(tmp_path, tmp_path / "a.jsonl", mapping=path), path)
    assert error.value.__suppress_context__, "the cause has the query in it"
    assert "canary" not in str(error.value)
    assert KEY not in str(error.value)


WRONG = {
    'hash = "email"': "has hash = 'email', not a list of texts",
    "drop = [1]": "has drop = [1], not a list of texts",
    'drop = ["$.a"]': "has '$.a' in drop, not a field's name",
    'hash = ["a"]\ndrop = ["a.b"]': "says twice what becomes of 'a.b', with 'a'",
    'hash = ["a", "a"]': "says twice",
    'drop = ["region"]': "drops 'region', which the field 'region' needs",
    'hash = ["user_id"]': "events has the field of user_id in hash, profiles has not",
}


@pytest.mark.parametrize("said", WRONG)
def test_what_cannot_be_meant_is_refused(tmp_path, said):
    with pytest.raises(UserError) as error:
        load_mapping(mapping(tmp_path, said))
    assert WRONG[said] in str(error.value)


def test_packed_files_too(tmp_path):
    path = mapping(tmp_path, 'hash = ["email"]')
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(json.dumps(record(email=MAIL)).encode()))
    [row] = read(found(tmp_path, tmp_path / "a.jsonl.gz", mapping=path), path)
    assert row["payload"] == {"email": hashed(MAIL)}
