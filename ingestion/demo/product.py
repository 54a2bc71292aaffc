"""What the demo product's users do: deterministic for a day and a seed.

Users have sessions, sessions walk down a funnel (view, search, add to cart, checkout, purchase).
Delivery is as messy as in life: 5 % duplicates, 1 % late by one to three days, a few malformed
records a day. Profiles change tier and region over time.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

Record = dict[str, Any]

REGIONS = ("us-east", "eu-west", "ap-south")
TIERS = ("free", "pro", "enterprise")
USERS = 1_500
SESSIONS_A_DAY = 900
LATE_SHARE = 0.01
LATEST_DELAY = 3  # days
REPEATED_SAME_DAY = 0.04
REPEATED_NEXT_DAY = 0.01
FIRST_DAY = date(2020, 1, 1)  # profiles are as old as this
# The step after, and how likely a session goes there rather than ends.
FUNNEL = (
    ("page_view", 0.75),
    ("search", 0.60),
    ("product_view", 0.45),
    ("add_to_cart", 0.50),
    ("checkout", 0.70),
    ("purchase", 0.0),
)


class Product:
    """The demo product of one seed."""

    def __init__(self, seed: int = 7) -> None:
        self.seed = seed
        self._happened = lru_cache(maxsize=16)(self._events_of)

    def delivered_events(self, day: date) -> list[Record]:
        """What the API delivers for a UTC day: that day's events without the late ones, the late
        ones of the days before, repeats, and some malformed records, in no useful order."""
        rng = self._random("delivery", day)
        records: list[Record] = []
        for delay in range(LATEST_DELAY + 1):
            for event, late_by in self._happened(day - timedelta(days=delay)):
                if late_by == delay:
                    records.append(event)
        repeated = [event for event in records if rng.random() < REPEATED_SAME_DAY]
        before = self._happened(day - timedelta(days=1))
        again = self._random("again", day)
        repeated += [
            event for event, late in before if not late and again.random() < REPEATED_NEXT_DAY
        ]
        records += repeated
        records += self._malformed(day, rng)
        rng.shuffle(records)
        return records

    def delivered_profiles(self, day: date) -> Iterator[Record]:
        """Every user's profile as it is at the end of a UTC day. Some users never get one."""
        for number in range(USERS):
            if number % 50 != 49:
                yield self._profile(number, day)

    def _events_of(self, day: date) -> list[tuple[Record, int]]:
        """The day's events with the days by which each is late."""
        rng = self._random("events", day)
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        weekend = 0.7 if day.weekday() >= 5 else 1.0
        events: list[tuple[Record, int]] = []
        for session in range(int(SESSIONS_A_DAY * weekend * rng.uniform(0.9, 1.1))):
            # A few users do most of what is done.
            number = int(USERS * rng.random() ** 2)
            region = self._profile(number, day)["region"]
            start = min(86_000.0, max(0.0, rng.gauss(50_000, 18_000)))
            at = midnight + timedelta(seconds=start)
            for step, (event_type, onward) in enumerate(FUNNEL):
                event = {
                    "event_id": f"{day:%Y%m%d}-{session:05d}-{step}",
                    "user_id": f"user-{number:05d}",
                    "event_type": event_type,
                    "event_ts": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                    "region": region,
                    "properties": self._properties(event_type, rng),
                }
                late = rng.randint(1, LATEST_DELAY) if rng.random() < LATE_SHARE else 0
                events.append((event, late))
                if rng.random() > onward:
                    break
                # Sessions end with their day: an event belongs to the day that generated it.
                at = min(
                    at + timedelta(seconds=rng.expovariate(1 / 40)),
                    midnight.replace(hour=23, minute=59, second=59),
                )
        return events

    def _properties(self, event_type: str, rng: random.Random) -> Record:
        device = rng.choices(("mobile", "desktop", "tablet"), (60, 35, 5))[0]
        match event_type:
            case "search":
                return {"device": device, "results": rng.randint(0, 80)}
            case "product_view" | "add_to_cart":
                return {"device": device, "sku": f"SKU-{rng.randint(1, 400):04d}"}
            case "checkout" | "purchase":
                amount = round(rng.lognormvariate(3.4, 0.7), 2)
                return {"device": device, "amount": amount, "currency": "USD"}
            case _:
                return {"device": device, "path": f"/p/{rng.randint(1, 40)}"}

    def _malformed(self, day: date, rng: random.Random) -> list[Record]:
        """Records that break the contract, one of each kind."""
        good = self._happened(day)[0][0]
        return [
            {**good, "event_id": f"bad-{rng.randint(0, 9999)}", "user_id": None},
            {**good, "event_id": None},
            {**good, "event_id": f"bad-{rng.randint(0, 9999)}", "event_ts": "yesterday"},
            {key: value for key, value in good.items() if key != "event_type"},
            {**good, "event_id": f"bad-{rng.randint(0, 9999)}", "event_ts": "1970-01-01T00:00:00Z"},
        ]

    @lru_cache(maxsize=200_000)  # noqa: B019 - a product lives as long as its server
    def _profile(self, number: int, day: date) -> Record:
        """A user's profile on a day: what it became at its latest change until then."""
        rng = self._random("profile", number)
        tier, region = rng.choices(TIERS, (80, 17, 3))[0], rng.choice(REGIONS)
        changed = FIRST_DAY
        # One possible change per 30 days, at a day and hour of the user's own.
        when = FIRST_DAY + timedelta(days=rng.randint(1, 30))
        while when <= day:
            if rng.random() < 0.15:
                tier, changed = rng.choice(TIERS), when
            if rng.random() < 0.03:
                region, changed = rng.choice(REGIONS), when
            when += timedelta(days=30)
        updated_at = datetime(changed.year, changed.month, changed.day, number % 24, tzinfo=UTC)
        return {
            "user_id": f"user-{number:05d}",
            "tier": tier,
            "region": region,
            "updated_at": updated_at.isoformat().replace("+00:00", "Z"),
        }

    def _random(self, *what: object) -> random.Random:
        return random.Random(f"{self.seed}|{'|'.join(map(str, what))}")  # noqa: S311 - demo data
