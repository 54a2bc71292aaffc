"""Locks by which a process shows that it lives."""

from __future__ import annotations

from core.warehouse import held_locks
from core.warehouse.held_locks import HeldLocks, is_free
from tests.helpers.pipeline import query
from tests.helpers.waiting import wait_until

END = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'"


def test_a_lock_is_held_until_it_is_given_back(warehouse):
    locks = HeldLocks(warehouse.url())
    locks.take("a")
    locks.take("b")
    assert [is_free(warehouse.url(), name) for name in "abc"] == [False, False, True]
    locks.give_back("a")
    locks.give_back("b")
    wait_until(lambda: is_free(warehouse.url(), "a") and is_free(warehouse.url(), "b"))


def test_a_lock_comes_again_after_postgres_was_away(warehouse, monkeypatch):
    monkeypatch.setattr(held_locks, "RENEWAL", 0.1)
    locks = HeldLocks(warehouse.url())
    locks.take("a")
    assert query(warehouse, END) == [(True,)]
    wait_until(lambda: not is_free(warehouse.url(), "a"))
    locks.give_back("a")
    wait_until(lambda: is_free(warehouse.url(), "a"))
