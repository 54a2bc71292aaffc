"""Which field is what, by its name and by what is in it. A guess says why; a doubt is said too."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from ingestion.mapping.draft.moments import Moments, moments
from ingestion.mapping.draft.names import LIFTED, plain, sureness
from ingestion.mapping.draft.samples import Field, Samples

# A score is the sureness of the name times how well the values fit; what is below is no guess.
ENOUGH = 0.45
CLOSE = 0.8  # of the best score: then the next one is named
TIMES_LOOKED_AT = 40  # fields; trying all formats takes 20 ms each
EVENTS = ("event_id", "user_id", "event_type", "event_ts", "region")
PROFILES = ("user_id", "tier", "region", "updated_at")
TIMES = ("event_ts", "updated_at")
_HEX = re.compile(r"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){2,}[0-9a-fA-F-]*")
_COUNTRY = re.compile(r"[A-Z]{2}")
_DECIMAL = re.compile(r"\d+\.0")
_DIGITS = re.compile(r"-?\d+(\.\d+)?")
UNIQUE = 0.98
SURE = 0.9  # of a name: then it is that field, whatever is in it


@dataclass(frozen=True)
class Guess:
    """A field for a role. `why`: what speaks for it. `other`: a field nearly as good, "" for none.
    `moments`: of a time."""

    field: Field
    score: float
    why: str
    other: str = ""
    moments: Moments | None = None

    @property
    def is_decimal(self) -> bool:
        """Whether all values are whole numbers that something wrote with `.0`."""
        return all(_DECIMAL.fullmatch(value) for value in self.field.counts)


def guesses(
    db: duckdb.DuckDBPyConnection, samples: Samples, roles: Sequence[str], now: datetime
) -> dict[str, Guess]:
    """By role, the field that fits best; no entry where none does. No field has two roles.

    Args:
        db: a session whose time zone is UTC.
        samples: records.
        roles: EVENTS or PROFILES.
        now: when the records came; no event is much later.
    """
    fields = [each for each in samples.merged if each.is_scalar and each.values]
    found: list[tuple[float, str, Guess]] = []
    for role in roles:
        if role in TIMES:
            of_role = _times(db, samples, fields, role, now)
        else:
            of_role = (_guess(samples, each, role) for each in fields)
        found += [(each.score, role, each) for each in of_role if each.score >= ENOUGH]
    chosen: dict[str, Guess] = {}
    taken: list[Field] = []
    for _, role, guess in sorted(found, key=lambda each: -each[0]):
        if role not in chosen and guess.field not in taken:
            chosen[role] = guess
            taken.append(guess.field)
    return {role: _with_other(role, guess, found, taken) for role, guess in chosen.items()}


def _with_other(
    role: str, guess: Guess, found: list[tuple[float, str, Guess]], taken: list[Field]
) -> Guess:
    """The guess, with the name of the next best one where that is close."""
    rest = [g for _, of, g in found if of == role and g.field not in taken]
    second = max(rest, key=lambda each: each.score, default=None)
    is_close = second is not None and second.score >= CLOSE * guess.score
    other = f"{second.field.shown} ({second.why})" if second and is_close else ""
    return Guess(guess.field, guess.score, guess.why, other, guess.moments)


def _guess(samples: Samples, of: Field, role: str) -> Guess:
    sure = sureness(role, of.keys)
    share = samples.share(of)
    named = "named so" if sure >= ENOUGH else "not named so"
    if role == "event_id":
        return _event_id(samples, of, sure)
    if role == "region" and not sure and _is_country(of):
        return Guess(of, 0.5 * share**0.5, f"{_in(samples, of)}, codes like those of countries")
    values = f"{len(of.counts):,} value" + ("" if len(of.counts) == 1 else "s")
    if role == "user_id":
        alone = 0.5 if len(of.counts) == 1 and samples.number >= 20 else 1.0
        return Guess(of, sure * alone * share**0.5, f"{_in(samples, of)}, {values}, {named}")
    most = max(20, min(2000 if role == "region" else 200, samples.number // 5))
    fits = len(of.counts) <= most and of.usual_length <= 60
    return Guess(of, sure * fits * share**0.5, f"{_in(samples, of)}, {values}, {named}")


def _event_id(samples: Samples, of: Field, sure: float) -> Guess:
    own = [number for number in samples.distinct if number in of.values]
    unique = len({of.values[number] for number in own}) / max(1, len(own))
    why = f"{_in(samples, of)}, {_percent(unique)} of distinct records have one of their own"
    looks = all(_HEX.fullmatch(value) for value in of.counts)
    if sure < ENOUGH and looks:
        sure = 0.5
        why += ", looks like one"
    elif sure >= ENOUGH:
        why += ", named so"
    if sure < SURE and (unique < UNIQUE or samples.number < 2):
        sure = 0
    return Guess(of, sure * unique * samples.share(of), why)


def _times(
    db: duckdb.DuckDBPyConnection, samples: Samples, fields: list[Field], role: str, now: datetime
) -> Iterator[Guess]:
    ranked = sorted(fields, key=lambda each: -sureness(role, each.keys))
    for each in ranked[:TIMES_LOOKED_AT]:
        sure = sureness(role, each.keys)
        if sure < 0.7 and all(_DIGITS.fullmatch(value) for value in [*each.counts][:20]):
            continue  # a number that could be a time is one only where its name says so
        values = [(text, samples.days[number]) for number, text in each.values.items()]
        read = moments(db, values, now) or Moments("iso", 0.0)
        named = ", named so" if sure >= ENOUGH else ""
        why = f"{_in(samples, each)}, {_percent(read.share)} of its values read as times{named}"
        score = (0.5 + 0.5 * sure) * read.share * samples.share(each) ** 0.5
        if sure >= SURE and score < ENOUGH and samples.share(each) >= 0.5:
            score = ENOUGH  # never the file's day in the place of a time that cannot be read
        yield Guess(each, score, why, moments=read)


def near_id(samples: Samples) -> str:
    """The field that is named most like an id, and why it is none; "" for no such field."""
    named = [each for each in samples.merged if each.is_scalar and each.values]
    best = max(named, key=lambda each: sureness("event_id", each.keys), default=None)
    if best is None or sureness("event_id", best.keys) < 0.7:
        return ""
    return f"{best.shown} is named like one, but: {_event_id(samples, best, 0).why}"


def lifted(samples: Samples, used: Sequence[Field]) -> Field | None:
    """The object whose members are the rest of the record, None for none."""
    objects = [each for each in samples.merged if len(each.keys) == 1 and each.is_object]
    opened = {way[0] for each in used for way in each.ways}
    named = [
        each
        for each in objects
        if LIFTED.fullmatch(plain(each.keys)) and each.keys[0] not in opened
    ]
    return max(named, key=lambda each: len(each.values), default=None)


def persons(samples: Samples, used: Sequence[Field]) -> list[str]:
    """Fields whose values come again and again: the nearest to a user where none is named so."""
    candidates = [
        each
        for each in samples.merged
        if each.is_scalar
        and each not in used
        and 1 < len(each.counts) <= 0.7 * len(each.values)
        and not all("." in value and _DIGITS.fullmatch(value) for value in each.counts)
    ]
    ranked = sorted(candidates, key=lambda each: -len(each.counts) * samples.share(each))
    return [each.shown for each in ranked[:4]]


def _is_country(of: Field) -> bool:
    codes = sum(n for value, n in of.counts.items() if _COUNTRY.fullmatch(value))
    return 1 < len(of.counts) <= 250 and codes >= 0.95 * len(of.values)


def _in(samples: Samples, of: Field) -> str:
    return f"in {_percent(samples.share(of))} of the records"


def _percent(share: float) -> str:
    """A share of which neither end is said where it is only near."""
    if 0 < share < 0.001:
        return "under 0.1 %"
    text = f"{share:.0%}" if share in (0, 1) else f"{min(share, 0.999):.1%}"
    return text.replace("%", " %")
