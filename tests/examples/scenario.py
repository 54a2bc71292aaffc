"""What every driver of the core has to come through: a week whose API is down in the middle, a
re-run of a day, a late file.

A driver is a function `(source, first, last)`: it lands the UTC days first to last (inclusive) of a
source of SOURCES_FILE, and builds what they touch, by whatever it is the driver of. Where that
fails it tries again, as its tool does by itself; it raises where the tool gives up. What the core
reads from its environment (PG*, SOURCES_FILE, EVENTS_API_TOKEN, LOCAL_DIR) is in os.environ before
the driver is made, in `surroundings`.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from core.days import DayRange
from core.settings import ROOT
from core.warehouse.connection import Warehouse
from ingestion.demo.server import DEMO_TOKEN, DemoApi, running
from tests.helpers.pipeline import deliver, event, query

Driver = Callable[[str, str, str], None]

FIRST, AGAIN, LATE, LAST = "2026-03-02", "2026-03-05", "2026-03-06", "2026-03-08"
WEEK = DayRange.inclusive(date.fromisoformat(FIRST), date.fromisoformat(LAST))
DOWN = "2026-03-05"  # the day that the API is first asked for in vain
# A page is tried five times by one process: the sixth refusal is of a process started after it.
REFUSALS = 6
SHOP_ROWS = 40  # a day
LATE_DAYS = 4  # so many days before LATE are in the late file too
ATTEMPTS = 4  # of a driver that has no tool, until it gives up
END = 600  # seconds in which any command has ended

# All columns but loaded_at, which says when a row was built. Equal rows have one checksum,
# whatever their order.
FACTS = """
    select event_date::text, count(*),
        sum(('x' || substr(md5(row(
            event_id, user_id, event_type, event_ts at time zone 'UTC', region, user_tier,
            user_region, properties, ingest_date
        )::text), 1, 15))::bit(60)::bigint)::text
    from analytics.fact_events group by 1 order by 1
"""
ACCOUNTING = """
    select ingest_date::text, received, fact, duplicate, quarantined, retracted, forgotten,
        is_complete
    from analytics.row_accounting order by 1
"""


@dataclass
class Outage:
    """An API that answers HTTP 503 from the first request for DOWN on, until one and the same
    request was refused so often that a second process must have asked."""

    refused: Counter[str] = field(default_factory=Counter)
    is_down: bool = False
    is_over: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def refuses(self, path: str) -> bool:
        """Whether this request is refused."""
        with self.lock:
            self.is_down = not self.is_over and (self.is_down or f"date={DOWN}" in path)
            if self.is_down:
                self.refused[path] += 1
                self.is_over = self.refused[path] >= REFUSALS
            return self.is_down


def breakable(api: DemoApi) -> Outage:
    """Let the API be down once."""
    outage = Outage()

    class Handler(api.RequestHandlerClass):  # type: ignore[misc,name-defined]
        def do_GET(self) -> None:
            if outage.refuses(self.path):
                self.send_error(503)
            else:
                super().do_GET()

    api.RequestHandlerClass = Handler
    return outage


@dataclass(frozen=True)
class Surroundings:
    """The API, and the folder that files arrive in."""

    api: DemoApi
    outage: Outage
    shop: Path


@contextmanager
def surroundings(folder: Path) -> Iterator[Surroundings]:
    """Two sources while it lasts, `web` (the demo API) and `shop` (files), and the variables that
    lead to them.

    Args:
        folder: an empty one, for the files and SOURCES_FILE.
    """
    shop = folder / "shop"
    for day in WEEK:
        deliver(shop, f"{day}", shop_records(day))
    with running(fault_in=10**9) as api:
        (folder / "sources.toml").write_text(
            f'[[source]]\nname = "web"\nSOURCE = "api"\nmapping = "canonical"\nurl = "{api.url}"\n'
            '[[source]]\nname = "shop"\nSOURCE = "files"\nmapping = "canonical"\n'
            f'url = "{shop}/%Y-%m-%d*.jsonl"\n'
        )
        variables = {
            "SOURCES_FILE": f"{folder / 'sources.toml'}",
            "EVENTS_API_TOKEN": DEMO_TOKEN,
            "LOCAL_DIR": f"{folder / 'local'}",
        }
        before = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)
        try:
            yield Surroundings(api, breakable(api), shop)
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def shop_records(day: date, kind: str = "sold") -> list[dict[str, object]]:
    """Events of a day, the same each time."""
    return [
        event(
            f"{kind}-{day}-{number}",
            f"{day}T{number % 24:02}:00:00Z",
            user_id=f"user-{number:05}",
            event_type="purchase",
        )
        for number in range(SHOP_ROWS)
    ]


@dataclass(frozen=True)
class Outcome:
    """What a driver leaves: by event day rows and checksum; by ingest day the accounting."""

    facts: list[tuple[object, ...]]
    accounting: list[tuple[object, ...]]

    @property
    def rows(self) -> int:
        """All facts."""
        return sum(int(str(each[1])) for each in self.facts)


def play(driver: Driver, warehouse: Warehouse, around: Surroundings) -> Outcome:
    """Run the scenario, and check that each step did what it is for.

    Args:
        driver: what runs days.
        warehouse: where it lands them; empty.
        around: the two sources.
    """
    driver("web", FIRST, LAST)
    assert max(around.outage.refused.values()) == REFUSALS, "no second process has asked"
    driver("shop", FIRST, LAST)
    week = outcome(warehouse)
    assert week.rows == len(keys(around)), "the week has rows twice, or lacks some"

    driver("web", AGAIN, AGAIN)
    assert outcome(warehouse) == week, "a re-run of a day changed rows"

    late = date.fromisoformat(LATE)
    records = [
        record
        for ago in range(LATE_DAYS + 1)
        for record in shop_records(late - timedelta(days=ago), "late")
    ]
    deliver(around.shop, f"{LATE}-late", records)
    driver("shop", LATE, LATE)
    found = outcome(warehouse)
    assert found.rows == week.rows + len(records), "rows of the late file are lost, or twice there"
    for _, received, *parts, is_complete in found.accounting:
        assert is_complete
        assert received == sum(parts)
    return found


def outcome(warehouse: Warehouse) -> Outcome:
    """What is there now."""
    return Outcome(query(warehouse, FACTS), query(warehouse, ACCOUNTING))


def keys(around: Surroundings) -> set[tuple[str, str, str]]:
    """Day, user and id of every good record of the week, straight from what the sources deliver."""
    records = [record for day in WEEK for record in shop_records(day)]
    for day in WEEK:
        records += around.api.product.delivered_events(day)
    needed = ("event_id", "user_id", "event_type")
    return {
        (record["event_ts"][:10], record["user_id"], record["event_id"])
        for record in records
        if all(record.get(name) for name in needed) and record["event_ts"][:2] == "20"
    }


def again_and_again(attempt: Callable[[], subprocess.CompletedProcess[str]]) -> None:
    """As somebody does who sees a command fail, and types it again.

    Raises:
        AssertionError: it fails on and on.
    """
    for _ in range(ATTEMPTS):
        done = attempt()
        if done.returncode == 0:
            return
    raise AssertionError(f"{done.args} ended with {done.returncode}: {done.stdout}{done.stderr}")


def by_make(source: str, first: str, last: str) -> None:
    """The driver that needs no tool: `make ingest`, then `make transform`."""
    days = [f"SOURCE_NAME={source}", f"FROM={first}", f"TO={last}"]
    again_and_again(lambda: make("ingest", *days))
    again_and_again(lambda: make("transform"))


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`make`, as somebody types it in the checkout, with the environment that is installed."""
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    return subprocess.run(
        ["make", "--old-file=.venv/installed", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=END,
    )
