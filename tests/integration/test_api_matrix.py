"""Every shape of API with every trouble: all records exactly once, or refused in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from core.errors import Unavailable, UserError
from ingestion.source import http_client
from ingestion.source.http_client import RetryBudget
from tests.helpers.api_shapes import SHAPES, SILENT, Asked, Paginator, Shape
from tests.helpers.paged_api import DAY, Call, Said, numbers, paged_api
from tests.helpers.tiers import matrix

LAST = "2026-03-02"
BUDGET = RetryBudget(attempts=4, first_wait=0.002, longest_wait=0.02, silence=5, page=20)
# No case may wait longer than the retry budget of its pages.
pytestmark = pytest.mark.timeout(30)
# Of an answer as it should be, how often it has been asked for, and whether it is the first one.
Fault = Callable[[Said, int, bool], Said]


def plain(said: Said, attempt: int, is_first: bool) -> Said:
    return said


def first_times(times: int, fault: Callable[[Said], Said]) -> Fault:
    """Every page fails so often."""
    return lambda said, attempt, is_first: fault(said) if attempt <= times else said


def after_the_first(fault: Callable[[Said], Said]) -> Fault:
    """One page comes, and no other one ever does."""
    return lambda said, attempt, is_first: said if is_first else fault(said)


def slow_down(said: Said) -> Said:
    return Said({"error": "slow down"}, 429, {"Retry-After": "1"})


def failing(said: Said) -> Said:
    return Said({"error": "no"}, 500)


def cut(said: Said) -> Said:
    return replace(said, missing=len(said.bytes()) // 2)


def cut_unseen(said: Said) -> Said:
    """Its length agrees with what is left, as with a proxy that was cut itself."""
    return replace(said, content=said.bytes()[:-3])


def no_content(said: Said, attempt: int, is_first: bool) -> Said:
    has_records = b'"n"' in said.bytes()
    return said if has_records else replace(said, status=204)


@dataclass(frozen=True)
class Trouble:
    """`days`: the records of each day. `size`: of a page, in records. `refused`: what the one line
    says, "" where all records come."""

    fault: Fault = plain
    days: dict[str, int] = field(default_factory=lambda: {DAY: 26, LAST: 13})
    size: int = 5
    refused: str = ""
    budget: RetryBudget = BUDGET


BRIEF = replace(BUDGET, page=0.2)
TROUBLES = {
    "plain": {"plain": Trouble(), "full last pages": Trouble(days={DAY: 20, LAST: 5})},
    "429": {"429 each time": Trouble(first_times(1, slow_down))},
    "500": {"500 twice each time": Trouble(first_times(2, failing))},
    "cut": {
        "cut short of its length": Trouble(first_times(1, cut)),
        "cut, and its length agrees": Trouble(first_times(2, cut_unseen)),
    },
    "no records": {
        "on the first day": Trouble(days={DAY: 0, LAST: 26}),
        "on the last day": Trouble(days={DAY: 26, LAST: 0}),
        "on any day": Trouble(days={DAY: 0, LAST: 0}),
        "204": Trouble(no_content, days={DAY: 0, LAST: 26}),
    },
    "100 k records": {"100 k": Trouble(days={DAY: 100_000}, size=5_000)},
    "no end of it": {
        "429 for ever": Trouble(after_the_first(slow_down), refused="HTTP 429", budget=BRIEF),
        "500 for ever": Trouble(after_the_first(failing), refused="HTTP 500"),
        "cut for ever": Trouble(after_the_first(cut), refused="the connection was cut"),
    },
}
CASES = {
    kind: {
        f"{name}: {shape}": (SHAPES[shape], trouble)
        for name, trouble in troubles.items()
        for shape in SHAPES
    }
    for kind, troubles in TROUBLES.items()
}


def serve(shape: Shape, trouble: Trouble) -> Callable[[Call], Said]:
    """What an API of this shape answers in this trouble. Records are numbered over all days."""
    records, at = {}, 0
    for day, count in trouble.days.items():
        records[day] = [{"n": n} for n in range(at, at + count)]
        at += count
    times: Counter[str] = Counter()

    def answer(call: Call) -> Said:
        asked = repr((call.path, call.query, call.body))
        times[asked] += 1
        day = Asked(call, [], 0).sent["date"]
        said = shape.answer(Asked(call, records[day], trouble.size))
        return trouble.fault(said, times[asked], asked == next(iter(times)))

    return answer


@matrix("shape,trouble", CASES)
def test_all_records_come_or_one_line(tmp_path, monkeypatch, shape, trouble):
    monkeypatch.setattr(http_client, "RETRY_BUDGET", trouble.budget)
    section = shape.mapping(trouble.size, shape.paginator)
    with paged_api(serve(shape, trouble)) as api:
        if not trouble.refused:
            came = numbers(api, tmp_path, section, max(trouble.days))
            assert came == list(range(sum(trouble.days.values())))
            return
        with pytest.raises(Unavailable) as failed:
            numbers(api, tmp_path, section, max(trouble.days))
    assert trouble.refused in str(failed.value)
    assert_one_line(failed.value)


def begins_elsewhere(one: Paginator, other: Paginator) -> bool:
    """Whether they count pages from another number: no answer says so, the mapping alone does."""
    bases = [(paginator or {}).get("base_page") for paginator in (one, other)]
    return None not in bases and bases[0] != bases[1]


def read_as(names: Iterable[str], paginators: Mapping[str, Paginator], days: dict[str, int]) -> Any:
    """Each API with the paginator of every other one, by kinds."""
    trouble = Trouble(days=days, size=10)
    when = "two days" if len(days) > 1 else "one day alone"
    return {
        f"{api}, {when}": {
            f"{api}, read as {name}, {when}": (SHAPES[api], paginator, trouble)
            for name, paginator in paginators.items()
            if not begins_elsewhere(SHAPES[api].paginator, paginator)
        }
        for api in names
    }


# Each one once, by the first shape that has it.
PAGINATORS = {
    repr(shape.paginator): (name, shape.paginator) for name, shape in reversed(SHAPES.items())
}
READ_AS = read_as(
    SHAPES,
    dict(PAGINATORS.values()),
    # Both have more than one page: where no answer says anything, two days that are as full as
    # each other tell that there is more.
    {DAY: 46, LAST: 33},
) | read_as(
    [name for name in SHAPES if name not in SILENT],
    {name: SHAPES[name].paginator for name in SHAPES if name.startswith("one page")},
    {DAY: 46},
)


@matrix("shape,paginator,trouble", READ_AS)
def test_a_wrong_paginator_loses_nothing_silently(tmp_path, monkeypatch, shape, paginator, trouble):
    monkeypatch.setattr(http_client, "RETRY_BUDGET", BUDGET)
    section = shape.mapping(trouble.size, paginator)
    with paged_api(serve(shape, trouble)) as api:
        try:
            came = numbers(api, tmp_path, section, max(trouble.days))
        except UserError as error:
            assert_one_line(error)
        else:
            assert came == list(range(sum(trouble.days.values())))


def assert_one_line(error: UserError) -> None:
    line = str(error)
    assert "\n" not in line
    assert "EVENTS_URL=http://127.0.0.1:" in line


def test_pages_counted_from_the_wrong_number_are_refused_where_the_answer_tells(tmp_path):
    """Page 0 of an API that counts from 1 is empty, and not the last; an empty day is empty."""

    def counts_from_one(call: Call) -> Said:
        at = int(call.query["page"])
        records = [{"n": n} for n in range(30)][10 * (at - 1) : 10 * at] if at else []
        return Said({"items": records, "has_more": at < 3, "total": 30})

    paginator: dict[str, Any] = {"type": "page_number", "base_page": 0}
    section = {"data_selector": "items", "paginator": paginator}
    with paged_api(counts_from_one) as api, pytest.raises(UserError, match="begins with an empty"):
        numbers(api, tmp_path, section)
    paginator["base_page"] = 1
    with paged_api(counts_from_one) as api:
        assert numbers(api, tmp_path, section) == list(range(30))
    # The total may be of more than the day.
    with paged_api(lambda call: Said({"items": [], "total": 30})) as api:
        assert numbers(api, tmp_path, section) == []
