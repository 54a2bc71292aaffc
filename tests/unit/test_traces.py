"""A value in text: as it is written there, and in no other one that it is a part of."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from core.traces import is_said, is_telling, pattern, remove_lines


@pytest.mark.parametrize("user", ["17", "u1", "u$1", "o'x", 'a"b', "🙂", "é", "a\\b", "x@y.org"])
def test_it_is_found_however_it_is_written(user):
    for written in (
        f"user {user}.",
        f"({user}, 2)",
        json.dumps({"user_id": user}),
        json.dumps([json.dumps({"user_id": user})]),
        f"where user_id = '{user.replace(chr(39), chr(39) * 2)}'",
        f"?user={quote(user, safe='')}&x",
        f"{[user]!r}",
    ):
        assert pattern(user).search(written), written
        assert is_said(written, user) or user.isdecimal() or user.isalpha(), written


@pytest.mark.parametrize(
    ("user", "text"),
    [
        ("17", "170 017 1.17.2 u17 17:03 10:17:05 2026-03-17 17-03 -17 17@x 17$"),
        ("u", "u1 u$1 u-1 u@x u.x"),
        ("🙂", "🙂🙂"),
        ("e", "é e\u0301 the"),
        ("x@y", "ax@y x@y.org x@yz"),
    ],
)
def test_it_is_not_found_in_others(user, text):
    assert not pattern(user).search(text)


@pytest.mark.parametrize("user", ["17", "click"])
def test_a_number_or_a_word_is_an_id_only_where_it_stands_as_one(user):
    for text in (f"| {user} |", f"{user} rows", f'{{"rows": {user}}}', f"a {user} of {user}"):
        assert not is_said(text, user), text
    for text in (
        f'"user_id": {user}, "x"',
        f"'user_id': {user}}}",
        f"user_id={user} is",
        f"'{user}'",
        f'\\"{user}\\"',
        f"Key (event_date, user_id, event_id)=(2026-03-01, {user}, e1) already exists",
    ):
        assert is_said(text, user), text


@pytest.mark.parametrize("user", ["\\", ",;", "{}", "%", "-- ;", "[", "'", '"', ": "])
def test_mere_punctuation_is_an_id_only_where_it_stands_as_one(user):
    event = {"message": "a \"b\": {}, [c] 100 % of it; -- 'd' \\ e", "of": json.dumps({"f": ""})}
    assert not is_said(json.dumps(event), user)
    for text in (
        f"user_id={user} is",
        f"(event_date, user_id)=(2026-03-01, {user}) already",
        json.dumps({"user_id": user}),
        json.dumps([json.dumps({"user_id": user})]),
    ):
        assert is_said(text, user), text


@pytest.mark.parametrize(
    ("user", "expected"),
    [("y" * 41, True), ("1" * 41, True), ("y" * 40, False), ("🙂", True), ("u1", True)],
)
def test_a_long_word_is_nothing_else_by_accident(user, expected):
    assert is_telling(user) == expected


def test_lines_go_in_place(tmp_path):
    log = tmp_path / "a.log"
    log.write_bytes(b"one u1\nu10 and \xff\r\nlast 'u1'")
    with log.open("ab") as held:
        assert remove_lines(log, "u1") == 2
        held.write(b"more\n")
    assert log.read_bytes() == b"u10 and \xff\r\nmore\n"
    assert remove_lines(log, "u1") == 0
