"""An id for records that have none: of what they hold."""

from __future__ import annotations

from collections.abc import Sequence

from ingestion.mapping.draft.samples import Field, Samples

# So many fields are all taken: then only exact copies are one event. Of more, the fewest that tell
# the sampled records apart.
ALL = 30
LOOKED_AT = 40
RECORDS = 5_000


def identity(samples: Samples, first: Sequence[Field]) -> tuple[list[Field], float]:
    """The fields that together tell one record from another, and the share of distinct records
    that they do.

    Args:
        samples: records.
        first: the fields to begin with, such as the time and the user.
    """
    top = [each for each in samples.merged if len(each.keys) == 1 and each.values]
    if len(top) <= ALL:
        return top, 1.0
    distinct = samples.distinct[:RECORDS]
    chosen = list(first)
    told = {number: tuple(each.values.get(number) for each in chosen) for number in distinct}
    plain = [each for each in samples.merged if each.is_scalar and each not in chosen]
    left = sorted(plain, key=lambda each: -len(each.counts))[:LOOKED_AT]
    count = len(set(told.values()))
    while count < len(distinct) and left:
        best = max(left, key=lambda each: _told(told, each))
        if (reached := _told(told, best)) == count:
            break
        count = reached
        left.remove(best)
        chosen.append(best)
        told = {number: (*key, best.values.get(number)) for number, key in told.items()}
    return chosen, count / max(1, len(distinct))


def _told(told: dict[int, tuple[str | None, ...]], by: Field) -> int:
    """How many records would be told apart."""
    return len({(*key, by.values.get(number)) for number, key in told.items()})
