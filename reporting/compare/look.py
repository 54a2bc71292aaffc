"""A look into days that differ: segments, rows as numbers, values of some rows; of several days by
one query each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from core.scratch import scratch_directory
from reporting.compare import day_queries
from reporting.compare.day import Day, SampledRow
from reporting.compare.rows import AT_A_TIME, SAMPLED, Spool
from reporting.compare.side import Pair, Side
from reporting.compare.statements import Statements

_DAYS = 31
_ROWS = 3_000_000  # of all days that are looked into at once: some 300 MB a side, if all differ
_SMALL = 5_000  # rows that are all fetched: that takes no longer than asking for segments
_SEGMENT = 500  # rows
_SEGMENTS = 1 << 14
_FILES = 128  # of a day


def at_once(days: Sequence[Day]) -> Iterator[list[Day]]:
    """The days that are looked into together."""
    batch: list[Day] = []
    for day in days:
        if len(batch) == _DAYS or (batch and _rows([*batch, day]) > _ROWS):
            yield batch
            batch = []
        batch.append(day)
    if batch:
        yield batch


def look(days: list[Day]) -> None:
    """Match the rows of some days that may differ, and fetch a sample of those that do."""
    pair, statements = days[0].pair, days[0].statements
    both = [day for day in days if all(day.rows.values())]
    if both:
        _match(pair, statements, both)
    for side in pair:
        alone = [day for day in days if not day.rows[pair.other(side).name]]
        if alone:
            _alone(statements, side, pair.other(side), alone)
    _sample(pair, statements, days)


def _match(pair: Pair, statements: Statements, days: list[Day]) -> None:
    segments, only = _segments(pair, statements, days)
    columns = [each.name for each in statements.schema.columns]
    files = _files(days, segments, only)
    with scratch_directory() as folder:

        def fetch(side: Side) -> Spool:
            own = folder / side.name
            own.mkdir()
            spool = Spool(own, len(columns), files)
            dates = [day.day for day in days]
            side.copy(day_queries.hashes(statements, side, dates, segments, only), spool)
            spool.end()
            return spool

        left, right = pair.both(fetch)
        for day in days:
            for number in range(files[day.number]):
                rows = (left.read(day.number, number), right.read(day.number, number))
                day.matched.add(*rows, columns)


def _segments(pair: Pair, statements: Statements, days: list[Day]) -> tuple[int, list[int]]:
    """How many segments a day has, and which of all differ; none where these are most."""
    if _rows(days) <= _SMALL:
        return 1, []
    most = max(max(day.rows.values()) for day in days)
    segments = min(_SEGMENTS, _power_of_2(most / _SEGMENT))

    def ask(side: Side) -> dict[int, tuple[int, int]]:
        query = day_queries.by_segment(statements, side, [day.day for day in days], segments)
        return {
            number * segments + segment: (count, checksum)
            for number, segment, count, checksum in side.rows(query)
        }

    left, right = pair.both(ask)
    differing = sorted(n for n in left.keys() | right.keys() if left.get(n) != right.get(n))
    return segments, differing if len(differing) <= segments * len(days) / 2 else []


def _files(days: list[Day], segments: int, only: list[int]) -> dict[int, int]:
    """By the number of a day, into how many files its rows go."""
    of_day = Counter(number // segments for number in only)
    files = {}
    for day in days:
        share = of_day[day.number] / segments if only else 1
        files[day.number] = min(_FILES, _power_of_2(max(day.rows.values()) * share / AT_A_TIME))
    return files


def _alone(statements: Statements, side: Side, other: Side, days: list[Day]) -> None:
    """The other side has no row of these days: nothing is to be matched."""
    dates, by_number = [day.day for day in days], {day.number: day for day in days}
    for number, rows, late in side.rows(day_queries.summary(statements, side, dates)):
        lacking = by_number[number].matched.lacking[other.name]
        lacking.keys, lacking.late = rows, late
    for number, key in side.rows(day_queries.some_keys(statements, side, dates, SAMPLED)):
        by_number[number].matched.lacking[other.name].sample.append(key)


def _sample(pair: Pair, statements: Statements, days: list[Day]) -> None:
    """The values of sampled keys, of both sides."""
    wanted = {day.number: day.keys() for day in days}
    keys = {key for of_day in wanted.values() for key in of_day}
    by_number = {day.number: day for day in days}

    def fetch(side: Side) -> None:
        query = day_queries.values(statements, side, [day.day for day in days], keys)
        for _, number, key, late, *texts in side.rows(query):
            if key in wanted[number]:
                day = by_number[number]
                row = SampledRow(dict(zip(day.names, texts, strict=True)), bool(late))
                day.sampled[side.name].setdefault(key, []).append(row)

    pair.both(fetch)


def _rows(days: Sequence[Day]) -> int:
    return sum(max(day.rows.values()) for day in days)


def _power_of_2(number: float) -> int:
    """The next one, at least 1."""
    return 1 << max(0, int(number)).bit_length()
