"""Generated schedules: three processes at once, again and again, on a Postgres that is slow at odd
moments.

A round starts three of {load events, load profiles, build, build a range, rebuild, forget, prune,
retract, replay}, each a process of its own; some are killed. What was killed or refused is run
again at the round's end. After each round the days that count as up to date must be the oracle's;
after the last one everything, also after a full refresh.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from tests.helpers.pipeline import build, full_refresh, ingest_files, query
from tests.helpers.processes import Command, start
from tests.proof.oracle import Line, Record
from tests.proof.running import covered, new_database
from tests.proof.source import ChangingSource

DAYS = [f"2026-01-0{n}" for n in range(1, 6)]
KEPT_FROM = date(2020, 1, 1)  # by `prune`
MAY_BE_FORGOTTEN = ("u3", "u4")
REFUSED = "a user was forgotten while records were read"
KINDS = ["events"] * 3 + ["profiles"] * 4 + ["build"] * 4 + ["range"] * 2 + ["rebuild"] * 2
RARE = ["retract", "replay", "prune", "forget"]
SLOW = """
create function public.at_times() returns event_trigger language plpgsql as $$
begin if random() < 0.15 then perform pg_sleep(random()); end if; end $$;
create event trigger slow on ddl_command_start when tag in ('ALTER TABLE', 'CREATE TABLE')
    execute function public.at_times();
create function public.at_other_times() returns trigger language plpgsql as $$
begin if random() < 0.3 then perform pg_sleep(random()); end if; return null; end $$;
create trigger slow before insert or update on intermediate.built_days
    for each statement execute function public.at_other_times();
create trigger slow after insert or update on raw.day_versions
    for each statement execute function public.at_other_times();
select 1
"""
FACTS = """select event_id, user_id, event_type, event_date::text, region, user_tier,
    user_region, properties::text, ingest_date::text from analytics.fact_events"""
UP_TO_DATE = "select event_date::text from analytics.event_days where is_up_to_date"
PROFILES_WAIT = """select from raw.day_versions as v
    left join intermediate.built_days as b
        on b.model = 'dim_user_versions' and v.kind = b.kind and v.day = b.day
    where v.kind = 'profile_date' and v.version is distinct from b.version"""
LIVE = "select table_name from raw.units where live and unit = %s"


@dataclass
class Step:
    """A process of a round: what it is, how it is started, and when it is killed."""

    what: str
    arguments: tuple[str, ...]
    settings: dict[str, str] = field(default_factory=dict)
    after: float = 0
    killed_after: float | None = None

    def start(self) -> Command:
        """Start it."""
        return start(*self.arguments, **self.settings)

    def __str__(self) -> str:
        """Its line in the log."""
        killed = "" if self.killed_after is None else f", killed after {self.killed_after:.2f}"
        return f"{self.what} {self.settings} at {self.after:.2f}{killed}"


class Schedule:
    """One warehouse, its source, and what is done to them; a seed is a schedule."""

    def __init__(self, seed: int, rounds: int, root: Path) -> None:
        """Of so many rounds, with files below `root`."""
        self.seed, self.rounds = seed, rounds
        self.random = random.Random(seed)  # noqa: S311
        self.source = ChangingSource(root, self.random)
        self.is_pruning = self.has_lost_rows = False
        self.log: list[str] = []

    def run(self) -> None:
        """All of it; an error has the log of the schedule."""
        self.warehouse = new_database()
        try:
            self._run()
        except BaseException as error:
            error.add_note(f"seed {self.seed}:\n" + "\n".join(self.log))
            raise
        covered["schedules"] += 1

    def _run(self) -> None:
        for day in DAYS[:2]:
            self.source.write(day, self.source.lines(), self.source.profiles())
            profiles = self.source.root / "profiles"
            ingest_files(self.warehouse, self.source.root / "events", day, profiles_url=profiles)
        build()
        query(self.warehouse, SLOW)
        for number in range(self.rounds):
            self.log.append(f"round {number}")
            self._round()
        query(self.warehouse, "drop event trigger slow; select 1")
        build()
        self._check()
        full_refresh()
        self._check()

    def _round(self) -> None:
        steps = self._steps()
        for step in steps:
            step.after = self.random.choice([0, 0, self.random.uniform(0, 3)])
        if self.random.random() < 0.4:
            self.random.choice(steps).killed_after = self.random.uniform(0.2, 5)
        self.log += map(str, steps)
        began, running = time.monotonic(), []
        for step in sorted(steps, key=lambda each: each.after):
            time.sleep(
                max(0, began + step.after - time.monotonic())
            )  # the moment is what is random
            running.append((step, step.start()))
        again = [step for step, command in running if self._was_cut_off(step, command)]
        for step in again:
            self.log.append(f"again: {step.what}")
            done = step.start().finish()
            assert done.returncode == 0, f"{step}, again: {done.stdout}{done.stderr}"
        covered["commands"] += len(steps) + len(again)
        self._check_days()

    def _was_cut_off(self, step: Step, command: Command) -> bool:
        """Whether it was killed, or refused as the docs say, and has to be run again."""
        if step.killed_after is not None:
            is_again = command.kill(step.killed_after)
            covered["kills"] += is_again
        else:
            done = command.finish()
            is_again = done.returncode != 0
            assert not is_again or REFUSED in done.stderr, f"{step}: {done.stdout}{done.stderr}"
            covered["refused"] += is_again
        if step.what == "retract":
            return is_again and bool(query(self.warehouse, LIVE, step.settings["UNIT"]))
        return is_again

    def _steps(self) -> list[Step]:
        """Three, of which no two say something else of one day of deliveries."""
        kinds: list[str] = []
        while len(kinds) < 3:
            kind = self.random.choice(KINDS + RARE)
            if kind not in RARE or kind not in kinds:
                kinds.append(kind)
        # Whether an old event that is loaded meanwhile is pruned is anybody's guess.
        self.is_pruning = "prune" in kinds
        days = self.random.sample(DAYS, 3)
        for kind in kinds:
            covered[kind] += 1
        return [getattr(self, f"_{kind}")(day) for kind, day in zip(kinds, days, strict=True)]

    def _events(self, day: str) -> Step:
        lines = self.source.lines(with_old=not self.is_pruning)
        return self._load("load events", day, lines, self.source.profiles_of(day))

    def _profiles(self, day: str) -> Step:
        lines = self.source.lines_of(day, with_old=not self.is_pruning)
        return self._load("load profiles", day, lines, self.source.profiles())

    def _load(self, what: str, day: str, lines: list[Line], profiles: list[Record]) -> Step:
        self.source.write(day, lines, profiles)
        urls = {
            f"{kind.upper()}_URL": str(self.source.root / kind / "%Y-%m-%d.jsonl")
            for kind in ("events", "profiles")
        }
        settings = urls | {"SOURCE": "files", "FROM": day, "MAX_QUARANTINED": "1"}
        return Step(what, ("ingestion", "ingest"), settings)

    def _build(self, _: str) -> Step:
        return Step("build", ("transform",))

    def _range(self, day: str) -> Step:
        first, last = sorted([day, self.random.choice(DAYS)])
        return Step("build", ("transform",), {"FROM": first, "TO": last})

    def _rebuild(self, day: str) -> Step:
        first, last = sorted([day, self.random.choice(DAYS)])
        return Step("rebuild", ("transform.rebuild",), {"FROM": first, "TO": last})

    def _retract(self, day: str) -> Step:
        live = "select unit from raw.units where live and ingest_date = %s order by 1"
        units = [unit for (unit,) in query(self.warehouse, live, day)]
        if not units:
            return self._build(day)
        unit = self.random.choice(units)
        for (table,) in query(self.warehouse, LIVE, unit):
            self.source.retract(day, table)
        return Step("retract", ("ingestion", "retract"), {"UNIT": unit})

    def _replay(self, _: str) -> Step:
        return Step("replay", ("ingestion", "replay"), {"SOURCE": "files"})

    def _prune(self, _: str) -> Step:
        self.has_lost_rows = True
        self.source.prune()
        days = (datetime.now(UTC).date() - KEPT_FROM).days + 1
        return Step("prune", ("commands.prune",), {"KEEP_DAYS": f"{days}"})

    def _forget(self, day: str) -> Step:
        known = [user for user in MAY_BE_FORGOTTEN if self.source.knows(user)]
        if not known:
            return self._build(day)
        self.has_lost_rows = True
        user = self.random.choice(known)
        self.source.forget(user)
        return Step("forget", ("commands.forget",), {"USER_ID": user})

    def _check_days(self) -> None:
        """The days that count as up to date; without profiles where some wait for a build."""
        days = {day for (day,) in query(self.warehouse, UP_TO_DATE)}
        shown = slice(0, 5) if query(self.warehouse, PROFILES_WAIT) else slice(0, 9)
        facts = Counter(row[shown] for row in query(self.warehouse, FACTS) if row[3] in days)
        expected = Counter(row[shown] for row in self.source.landed.facts() if row[3] in days)
        assert facts == expected, f"days up to date: {sorted(days)}"
        covered["days compared"] += len(days)

    def _check(self) -> None:
        assert Counter(query(self.warehouse, FACTS)) == Counter(self.source.landed.facts())
        quarantined = "select ingest_date::text, reason, record from analytics.quarantined_{}"
        for table, expected in (
            ("events", self.source.landed.quarantined()),
            ("profiles", self.source.landed.quarantined_profiles()),
        ):
            found = query(self.warehouse, quarantined.format(table))
            assert expected == Counter(
                (day, why, json.dumps(record, sort_keys=True)) for day, why, record in found
            )
        if not self.has_lost_rows:  # else what was received is not what is there
            accounting = """select ingest_date::text, received, fact, duplicate, quarantined
                from analytics.row_accounting"""
            assert set(query(self.warehouse, accounting)) == self.source.landed.accounting()
        assert (
            query(self.warehouse, "select from analytics.row_accounting where not is_complete")
            == []
        )
        covered["rows"] += sum(map(len, self.source.landed.events.values()))
