"""The top-level fields that records have, as far as a sample of them shows."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

MIN_SHARE = 0.1


@dataclass
class Fields:
    """The top-level fields of sampled records: name -> JSON type -> records."""

    sampled: int = 0
    types: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, name: str, kind: str, records: int) -> None:
        """Count records that have the field with this JSON type."""
        self.types[name][kind] = self.types[name].get(kind, 0) + records

    def records(self, name: str) -> int:
        """Sampled records that have the field."""
        return sum(self.types.get(name, {}).values())

    def is_common(self, name: str) -> bool:
        """Whether so many records have the field that a sample cannot have missed it."""
        return self.records(name) >= max(1, self.sampled * MIN_SHARE)
