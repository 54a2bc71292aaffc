"""Locks that a process holds for as long as it lives: others see whether it does."""

from __future__ import annotations

from contextlib import closing
from threading import Event, Lock, Thread

import psycopg2
from psycopg2.extensions import connection as Connection

RENEWAL = 10.0  # seconds after which a lock is there again that a restart of Postgres has taken
_TRY = "select pg_try_advisory_lock(hashtextextended(%s, 0))"


def is_free(url: str, name: str) -> bool:
    """Whether no process holds a lock.

    A process takes it again within RENEWAL seconds after Postgres was restarted: who acts on the
    answer looks twice.
    """
    with closing(psycopg2.connect(url)) as db, db.cursor() as cursor:
        cursor.execute(_TRY, (name,))
        return cursor.fetchone() == (True,)


class HeldLocks:
    """Advisory locks of this process, on one connection that a thread keeps alive; on none while
    there are no locks."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._names: set[str] = set()
        self._db: Connection | None = None
        self._guard = Lock()
        self._stop = Event()

    def take(self, name: str) -> None:
        """Hold a lock from now on."""
        with self._guard:
            is_first = not self._names
            self._names.add(name)
            self._renew()
            if is_first:
                self._stop = Event()
                Thread(target=self._keep, args=(self._stop,), daemon=True).start()

    def give_back(self, name: str) -> None:
        """Hold it no longer."""
        with self._guard:
            self._names.discard(name)
            if not self._names:
                self._stop.set()
                self._disconnect()

    def _keep(self, stop: Event) -> None:
        while not stop.wait(RENEWAL):
            with self._guard:
                if not stop.is_set():
                    self._renew()

    def _renew(self) -> None:
        """Hold all locks, over a new connection where the old one is broken. While there is none to
        be had, the next renewal tries again."""
        try:
            if self._db is None:
                self._db = psycopg2.connect(self._url)
                self._db.autocommit = True
            with self._db.cursor() as cursor:
                for name in self._names:  # of those it has already, once more
                    cursor.execute(_TRY, (name,))
        except psycopg2.Error:
            self._disconnect()

    def _disconnect(self) -> None:
        if self._db:
            self._db.close()
        self._db = None
