"""What is read of records that are no JSON: fields before the fault, and nothing else."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.mapping.fragments import fragment
from ingestion.mapping.landing_schema import NO_UTF8


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"event_id": "e", "user_id": "17", "cut', {"user_id": "17"}),
        ('{"friend": {"user_id": "17"}, "user_id": "5', None),
        ('{"friend": {"user_id": "17", "cut', None),
        ('{"user_id": "5", "friend": "17", "user_id": "17', {"user_id": "5"}),
        ('{"user_id": 17', None),  # 17 may be the beginning of 170
        ('{"user_id": 17 ', {"user_id": "17"}),
        ('{"user_id": 17,', {"user_id": "17"}),
        ('{"user_id": 18446744073709551617, "x', {"user_id": "18446744073709551617"}),
        ('{"user_id": 17.50, "x', {"user_id": "17.50"}),
        ('{"a": tru, "user_id": "17"}', {"user_id": "17"}),
        ('{"a": {"b" "c": [nan}}, "user_id": "17"}', None),
        ('{"a": {"b" "c" nan 1}, "user_id": "17"}', {"user_id": "17"}),
        ('{"a": "tab\there", "user_id": "1\t7"}', {"user_id": "1\t7"}),
        ('{"user_id": nan, "a": 1', None),
        ('{"user_id": u17, "a": 1', None),
        ('{"user_id" "17"}', None),
        ('{"a": 1,, "user_id": "17"}', None),
        ('{"user_id": "a\\u0000b", ', {"user_id": f"a{NO_UTF8}b"}),
        ('{"user_id": "a\\\\u0000b", ', {"user_id": "a\\u0000b"}),
        ('{"user_id": "\\ud800", ', {"user_id": NO_UTF8}),
        ('{"user_id": "x\\xffy", ', None),
        (
            '{"actor": {"id": 17, "l": [1, {"x": "y"}, "cut',
            {"actor": {"id": "17", "l": ["1", {"x": "y"}]}},
        ),
        ('{"actor": {"id": 17, "cut', {"actor": {"id": "17"}}),
        ('{"actor": {"id": 17', {"actor": {}}),
        ('[{"user_id": "17"}, ', None),
        ('"user_id": "17"', None),
        ("", None),
        ("user 17", None),
        (f'{{"a": {"[" * 5000}', None),
        (f'{{"a": {"[" * 5000}{"]" * 5000}, "user_id": "17"', {"user_id": "17"}),
        (f'{{"actor": {"[" * 5000}{"]" * 5000}, "user_id": "17"', {"user_id": "17"}),
    ],
)
def test_of_a_text_that_breaks(text, found):
    said = fragment(text, {"user_id", "actor"}, "malformed_json")
    assert (json.loads(said) if said else None) == found


def test_bytes_that_are_no_text_are_nobodys_id():
    said = fragment('{"a": "\\xff", "user_id": "1\\xfe7", "x', {"user_id"}, "invalid_encoding")
    assert said
    assert json.loads(said) == {"user_id": f"1{NO_UTF8}7"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=8)


# The first input takes seconds on a busy machine: the tables of characters are made.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(TEXT, JSON, max_size=4), TEXT, st.data())
def test_a_record_cut_anywhere_has_its_user_or_none(others, user, data):
    record = list({**others, "user_id": user}.items())
    record = dict(data.draw(st.permutations(record)))
    whole = json.dumps(record, ensure_ascii=data.draw(st.booleans()))
    at = data.draw(st.integers(0, len(whole)))
    said = fragment(whole[:at], {"user_id"}, "malformed_json")
    value = json.dumps(user), json.dumps(user, ensure_ascii=False)
    ends = [whole.rfind(f'"user_id": {text}') + len(f'"user_id": {text}') for text in value]
    if at >= max(ends) and said is None:
        raise AssertionError(whole[:at])
    assert said is None or json.loads(said) == {"user_id": user}
