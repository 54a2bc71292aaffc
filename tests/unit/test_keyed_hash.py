"""Keyed hashes: what every HMAC-SHA256 says, and no hash without a key."""

from __future__ import annotations

import hashlib
import hmac

import duckdb
import pytest

from core.errors import UserError, redacted
from core.keyed_hash import SHORTEST_KEY, hash_pads, keyed_hash

KEYS = ["k" * SHORTEST_KEY, "ключ-долгий-ключ", "x" * 64, "x" * 65, "🔑" * 40]
VALUES = ["17", "", "u$1", "a@example.com", "naïve 😀", "\x01\n'\"", "v" * 5_000]


@pytest.mark.parametrize("key", KEYS)
def test_a_keyed_hash_is_hmac_sha256_also_composed_in_sql(monkeypatch, key):
    monkeypatch.setenv("HASH_KEY", key)
    inner, outer = hash_pads()
    query = f"select sha256(unhex('{outer}') || unhex(sha256(unhex('{inner}') || encode(?))))"
    for value in VALUES:
        expected = hmac.new(key.encode(), value.encode(), hashlib.sha256).hexdigest()
        assert keyed_hash(value) == expected
        assert duckdb.execute(query, [value]).fetchone() == (expected,)


def test_a_known_answer_of_rfc_4231(monkeypatch):
    monkeypatch.setenv("HASH_KEY", "\x0b" * 20)
    assert (
        keyed_hash("Hi There") == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    )


@pytest.mark.parametrize(
    ("key", "said"), [("", "HASH_KEY is not set"), ("secret", "HASH_KEY has 6 characters")]
)
def test_no_hash_without_a_key_that_is_one(monkeypatch, key, said):
    monkeypatch.setenv("HASH_KEY", key)
    for make in (lambda: keyed_hash("17"), hash_pads):
        with pytest.raises(UserError, match=said):
            make()


def test_no_message_shows_the_key_in_any_form(monkeypatch):
    monkeypatch.setenv("HASH_KEY", "canary-of-the-hash-key")
    said = redacted(f"canary-of-the-hash-key {' '.join(hash_pads())}")
    assert said == "*** *** ***"
