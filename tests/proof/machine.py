"""The state machine: everything that can happen to the pipeline, in any order, on a real Postgres.

After every sequence the tables must equal the oracle's, and a full refresh must change nothing.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from core.errors import UserError
from core.progress import Progress
from core.warehouse.embedded import data_dir, start_embedded
from ingestion.retract import retract
from ingestion.settings import RetractSettings
from tests.helpers.edited import copied_project
from tests.helpers.pipeline import build, deliver, ingest_files, query
from tests.helpers.processes import Command, start
from tests.proof.edits import EDITS, NOBODY_BUYS, TEST, apply
from tests.proof.oracle import Deliveries
from tests.proof.running import coverage, covered, dbt, ends_well, new_database, start_edited
from transform.build import build_arguments

DAYS = [f"2026-01-0{n}" for n in range(1, 6)]
EVENT_DAYS = [*DAYS, "2019-05-05"]  # late by years
HOURS = ["00:00:00", "10:00:00", "23:59:59"]
VERSIONS = "select * from analytics.dim_user_versions order by user_id, version_number"
BUYS = "select distinct event_date::text from analytics.fact_events where lower(event_type) = 'buy'"
RED = "select event_date::text from analytics.event_days where not tests_passed"
UNTESTED = "select event_date::text from analytics.event_days where tests_passed is not true"
OLDER = "select event_date::text from analytics.event_days where not is_on_current_model"
# One for all sequences: dbt parses what differs only.
CHECKOUT = TemporaryDirectory(prefix="proof-project-")

users = st.sampled_from(["u1", "u2"])
times = st.builds("{}T{}Z".format, st.sampled_from(EVENT_DAYS), st.sampled_from(HOURS))
events = st.fixed_dictionaries(
    {
        "event_id": st.sampled_from("abc"),
        "user_id": users | users | st.none(),
        "event_type": st.sampled_from(["click", "buy"]),
        "event_ts": times | times | times | st.just("never"),
        "region": st.sampled_from(["eu", "us"]),
        "properties": st.fixed_dictionaries({"n": st.integers(0, 20)}),
    }
)
lines = st.lists(events | events | events | st.just("{truncated"), max_size=12)
profiles = st.lists(
    st.fixed_dictionaries(
        {
            "user_id": users | users | users | st.none(),
            "tier": st.sampled_from(["free", "pro"]),
            "region": st.sampled_from(["EU", "US"]),
            "updated_at": times | times | times | st.sampled_from(["never", ""]),
        }
    ),
    max_size=3,
)
days = st.sampled_from(DAYS)
ranges = st.tuples(st.sampled_from(DAYS), st.sampled_from(DAYS)).map(sorted)


class Pipeline(RuleBasedStateMachine):
    """One warehouse, one source that changes its mind, and processes that die."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory(prefix="proof-")
        self.root = Path(self.folder.name)
        self.source = Deliveries()
        self.parts: dict[str, dict[int, list[Any]]] = {}
        self.project = ExitStack()
        self.dbt_dir = self.project.enter_context(copied_project(Path(CHECKOUT.name)))
        self.warehouse = new_database()
        covered["interleavings"] += 1

    @initialize(first=lines, last=lines, known=profiles, name=st.sampled_from([*EDITS]))
    def begin(self, first: list[Any], last: list[Any], known: list[Any], name: str) -> None:
        """Two days are built, and the models edited."""
        self.ingest(DAYS[0], first, known)
        self.ingest(DAYS[-1], last, [])
        self.transform()
        self.edit(name)

    @rule(day=days, delivered=lines, delivered_profiles=profiles)
    def ingest(self, day: str, delivered: list[Any], delivered_profiles: list[Any]) -> None:
        """A day is delivered, for the first time or again: more, fewer, other, or no records."""
        self._deliver(day, delivered, delivered_profiles)
        ingest_files(
            self.warehouse,
            self.root / "events",
            day,
            profiles_url=self.root / "profiles",
        )

    @rule(day=days, number=st.integers(0, 2), delivered=lines)
    def ingest_part(self, day: str, number: int, delivered: list[Any]) -> None:
        """A day is delivered in files, one of them new or not as before; where the day came
        whole, they take its place."""
        parts = self.parts.setdefault(day, {})
        parts[number] = delivered
        for at, part in parts.items():
            deliver(self.root / "events", f"{day}-{at}", part)
        self.source.events[day] = [line for part in parts.values() for line in part]
        ingest_files(self.warehouse, str(self.root / "events" / "%Y-%m-%d-*.jsonl"), day)
        covered["parts"] += 1

    @rule(day=days)
    def retract(self, day: str) -> None:
        """All that was delivered on a day is taken back."""
        live = "select distinct unit from raw.units where live and ingest_date = %s order by 1"
        for (name,) in query(self.warehouse, live, day):
            retract(RetractSettings(unit=name), self.warehouse, Progress())
            covered["retracted"] += 1
        self.source.events.pop(day, None)
        self.source.profiles.pop(day, None)

    @rule()
    def transform(self) -> None:
        """Build what is out of date."""
        dbt(*build_arguments(None))

    @rule(span=ranges)
    def transform_range(self, span: list[str]) -> None:
        """Build a range, needed or not."""
        ends_well(start_edited("transform", FROM=span[0], TO=span[1]))

    @rule(day=days, delivered=lines, after=st.floats(0.05, 1.5))
    def kill_ingest(self, day: str, delivered: list[Any], after: float) -> None:
        """kill -9 of the ingesting process at any moment; running it again is the cure."""
        self._deliver(day, delivered, [])
        covered["kills"] += self._start_ingest(day).kill(after)
        self.transform()
        ends_well(self._start_ingest(day))

    @rule(after=st.floats(0.1, 5.0))
    def kill_dbt(self, after: float) -> None:
        """kill -9 of dbt."""
        covered["kills"] += start_edited("transform").kill(after)

    @rule(day=days, delivered=lines, after=st.floats(0.05, 3.0))
    def kill_postgres(self, day: str, delivered: list[Any], after: float) -> None:
        """kill -9 of Postgres under an ingestion and a build; both are run again."""
        self._deliver(day, delivered, [])
        running = [self._start_ingest(day), start_edited("transform")]
        time.sleep(after)  # the moment is what is random here
        postmaster = int((data_dir() / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGKILL)
        covered["kills"] += 1
        for command in running:
            command.finish()
        start_embedded()
        ends_well(self._start_ingest(day))

    @rule(spans=st.lists(ranges, min_size=2, max_size=3), day=days, delivered=lines)
    def at_once(self, spans: list[list[str]], day: str, delivered: list[Any]) -> None:
        """Overlapping builds while a day is being delivered."""
        self._deliver(day, delivered, [])
        running = [start_edited("transform", FROM=first, TO=last) for first, last in spans]
        running.append(self._start_ingest(day))
        for command in running:
            ends_well(command)

    @rule(name=st.sampled_from([*EDITS]))
    def edit(self, name: str) -> None:
        """A colleague edits a model, or takes it back; a build follows, of what is out of date."""
        apply(name, self.dbt_dir)
        self.source.edits ^= {name}
        covered["edits"] += 1
        self.transform()

    @rule(first=st.sampled_from([None, *DAYS]))
    def rebuild(self, first: str | None) -> None:
        """Days follow the edits, in chunks; all that have to, or a range."""
        range_of = {} if first is None else {"FROM": first, "TO": DAYS[-1]}
        ends_well(start_edited("transform.rebuild", **range_of))
        covered["rebuilds"] += 1
        if first is None:
            assert query(self.warehouse, OLDER) == []

    @rule(name=st.sampled_from([*EDITS]), after=st.floats(0.5, 6.0))
    def kill_rebuild(self, name: str, after: float) -> None:
        """kill -9 of a rebuild, in one of its chunks."""
        self.edit(name)
        covered["kills"] += start_edited("transform.rebuild").kill(after)

    @rule(day=days)
    def fail_a_test(self, day: str) -> None:
        """A new test fails for a day; it is red until the test is gone, and no other one is."""
        test = self.dbt_dir / TEST
        test.write_text(NOBODY_BUYS.format(day=day))
        for _ in range(2):
            try:
                build()
            except UserError:
                covered["failed tests"] += 1
            assert set(query(self.warehouse, RED)) == set(query(self.warehouse, BUYS)) & {(day,)}
        test.unlink()
        self.transform()
        assert query(self.warehouse, UNTESTED) == []

    def teardown(self) -> None:
        """The proof."""
        try:
            self.transform()
            self.rebuild(None)
            self._check()
            versions = query(self.warehouse, VERSIONS)
            dbt("build", "--full-refresh", "--exclude-resource-type", "unit_test")
            self._check()
            assert query(self.warehouse, VERSIONS) == versions
            covered["rows"] += sum(map(len, self.source.events.values()))
            if os.environ.get("INTERLEAVINGS"):  # a soak takes an hour: say how far it is
                print(coverage(), file=sys.__stderr__, flush=True)
        finally:
            self.project.close()
            self.folder.cleanup()

    def _deliver(self, day: str, delivered: list[Any], delivered_profiles: list[Any]) -> None:
        self.source.events[day] = delivered
        self.source.profiles[day] = delivered_profiles
        deliver(self.root / "events", day, delivered)
        deliver(self.root / "profiles", day, delivered_profiles)

    def _start_ingest(self, day: str) -> Command:
        return start(
            "ingestion",
            "ingest",
            SOURCE="files",
            EVENTS_URL=str(self.root / "events" / "%Y-%m-%d.jsonl"),
            PROFILES_URL=str(self.root / "profiles" / "%Y-%m-%d.jsonl"),
            FROM=day,
            TO=day,
        )

    def _check(self) -> None:
        self._check_events()
        self._check_profiles()

    def _check_profiles(self) -> None:
        quarantined = query(
            self.warehouse,
            "select ingest_date::text, reason, record from analytics.quarantined_profiles",
        )
        assert self.source.quarantined_profiles() == Counter(
            (day, why, json.dumps(record, sort_keys=True)) for day, why, record in quarantined
        )
        accounting = query(
            self.warehouse,
            """select ingest_date::text, received, version, repeat, quarantined, is_complete
            from analytics.profile_accounting""",
        )
        assert {row[:5] for row in accounting} == self.source.profile_accounting()
        assert all(row[5] for row in accounting)

    def _check_events(self) -> None:
        facts = query(
            self.warehouse,
            """select event_id, user_id, event_type, event_date::text, region, user_tier,
            user_region, properties::text, ingest_date::text from analytics.fact_events""",
        )
        assert len(facts) == len(set(facts))
        assert set(facts) == self.source.facts()
        counts = query(
            self.warehouse,
            """select event_date::text, region, event_type, events, users
            from analytics.regional_daily_events""",
        )
        assert set(counts) == self.source.counts()
        quarantined = query(
            self.warehouse,
            "select ingest_date::text, reason, record from analytics.quarantined_events",
        )
        assert self.source.quarantined() == Counter(
            (day, why, json.dumps(record, sort_keys=True)) for day, why, record in quarantined
        )
        accounting = query(
            self.warehouse,
            """select ingest_date::text, received, fact, duplicate, quarantined, is_complete
            from analytics.row_accounting""",
        )
        assert {row[:5] for row in accounting} == self.source.accounting()
        assert all(row[5] for row in accounting)
