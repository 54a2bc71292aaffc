"""What must be in the tables, computed from the delivered files alone.

Written from the rules in docs/architecture.md, without the project's code or SQL.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Record = dict[str, Any]
Line = Record | str


@dataclass
class Deliveries:
    """What the source says at present: lines by ingest day. `edits`: of the rules, by their names
    in edits.py."""

    events: dict[str, list[Line]] = field(default_factory=dict)
    profiles: dict[str, list[Record]] = field(default_factory=dict)
    edits: set[str] = field(default_factory=set)

    def facts(self) -> set[tuple[Any, ...]]:
        """(event_id, user_id, event_type, event_date, region, tier, user region, properties,
        ingest_date) of every event."""
        best: dict[tuple[str, str, str], tuple[Any, tuple[Any, ...]]] = {}
        for ingest_day, line in self._lines():
            if reason(line) is not None:
                continue
            assert isinstance(line, dict)
            ts = datetime.fromisoformat(line["event_ts"]).astimezone(UTC)
            day, user, event = ts.date().isoformat(), line["user_id"], line["event_id"]
            properties = json.dumps(line["properties"])
            told = (*(-ord(letter) for letter in properties), 0)
            by_payload = told if "lesser payload wins" in self.edits else properties
            rank = (ingest_day, ts, by_payload, line["event_type"], line["region"])
            tier, region = self._profile(user, ts)
            kind, where = line["event_type"], line["region"]
            if "types in capitals" in self.edits:
                kind = kind.upper()
            if "tiers in capitals" in self.edits and tier != "unknown":
                tier = tier.upper()
            row = (event, user, kind, day, where, tier, region, properties, ingest_day)
            key = (day, user, event)
            if key not in best or rank > best[key][0]:
                best[key] = (rank, row)
        return {row for _, row in best.values()}

    def counts(self) -> set[tuple[str, str, str, int, int]]:
        """(event_date, region, event_type, events, users)."""
        cells: dict[tuple[str, str, str], list[str]] = {}
        for _, user, kind, day, region, *_ in self.facts():
            cells.setdefault((day, region, kind), []).append(user)
        times = 2 if "counts doubled" in self.edits else 1
        return {(*cell, times * len(users), len(set(users))) for cell, users in cells.items()}

    def quarantined(self) -> Counter[tuple[str, str, str]]:
        """(ingest_date, reason, record) with how often."""
        return Counter(
            (day, why, json.dumps(line, sort_keys=True))
            for day, line in self._lines()
            if (why := reason(line)) is not None
        )

    def accounting(self) -> set[tuple[str, int, int, int, int]]:
        """(ingest_date, received, fact, duplicate, quarantined)."""
        facts = Counter(row[-1] for row in self.facts())
        rows = set()
        for day, lines in self.events.items():
            rejected = sum(reason(line) is not None for line in lines)
            duplicates = len(lines) - rejected - facts[day]
            rows.add((day, len(lines), facts[day], duplicates, rejected))
        return rows

    def quarantined_profiles(self) -> Counter[tuple[str, str, str]]:
        """(ingest_date, reason, record) with how often."""
        return Counter(
            (day, why, json.dumps(profile, sort_keys=True))
            for day, profiles in self.profiles.items()
            for profile in profiles
            if (why := profile_reason(profile)) is not None
        )

    def profile_accounting(self) -> set[tuple[str, int, int, int, int]]:
        """(ingest_date, received, version, repeat, quarantined)."""
        valid = self._profiles()
        first: Counter[str] = Counter()
        for user in {profile["user_id"] for _, profile in valid}:
            before: tuple[str, str] | None = None
            for at, said in sorted(self._versions(user).items()):
                if said != before:
                    first[min(day for day, profile in valid if says(profile, user, at, said))] += 1
                before = said
        rows = set()
        for day, profiles in self.profiles.items():
            rejected = sum(profile_reason(profile) is not None for profile in profiles)
            repeats = len(profiles) - rejected - first[day]
            rows.add((day, len(profiles), first[day], repeats, rejected))
        return rows

    def _lines(self) -> list[tuple[str, Line]]:
        return [(day, line) for day, lines in self.events.items() for line in lines]

    def _profiles(self) -> list[tuple[str, Record]]:
        """Those that can be used, in the order of their days."""
        return [
            (day, profile)
            for day in sorted(self.profiles)
            for profile in self.profiles[day]
            if profile_reason(profile) is None
        ]

    def _versions(self, user: str) -> dict[datetime, tuple[str, str]]:
        """Tier and region by the moment that they are said of: the latest delivery wins."""
        versions: dict[datetime, tuple[str, tuple[str, str]]] = {}
        for day, profile in self._profiles():
            if profile["user_id"] == user:
                at = datetime.fromisoformat(profile["updated_at"])
                version = (day, (profile["tier"], profile["region"]))
                versions[at] = max(versions.get(at, version), version)
        return {at: said for at, (_, said) in versions.items()}

    def _profile(self, user: str, ts: datetime) -> tuple[str, str]:
        """The version valid at a moment; the earliest one reaches back."""
        versions = self._versions(user)
        if not versions:
            return ("unknown", "unknown")
        known = [at for at in versions if at <= ts] or [min(versions)]
        return versions[max(known)]


def says(profile: Record, user: str, at: datetime, said: tuple[str, str]) -> bool:
    """Whether a profile says this of a user and a moment."""
    is_of_moment = datetime.fromisoformat(profile["updated_at"]) == at
    return is_of_moment and (profile["user_id"], profile["tier"], profile["region"]) == (
        user,
        *said,
    )


def reason(line: Line) -> str | None:
    """Why a line is no event; None for events. Of the closed list, those that the test makes."""
    if isinstance(line, str):
        return "malformed_json"
    if line["event_ts"] == "never":
        return "invalid_event_ts"
    return "missing_user_id" if line["user_id"] is None else None


def profile_reason(profile: Record) -> str | None:
    """Why a profile cannot be used; None for those that can."""
    if profile["updated_at"] == "never":
        return "invalid_updated_at"
    if profile["user_id"] is None:
        return "missing_user_id"
    return None if profile["updated_at"] else "missing_updated_at"
