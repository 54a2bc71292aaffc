"""Which cells a run of regions overwrites."""

from __future__ import annotations

import pytest

from core.days import parse_range
from orchestration.dbt.cells import Regions

REGIONS = Regions(("us", "eu"))


@pytest.mark.parametrize(
    ("asked", "environment"),
    [
        ([""], {}),  # days, not cells
        (["us"], {"CELLS": "us"}),
        (["us", "eu"], {"CELLS": "eu,us"}),
        (["other"], {"CELLS": "", "CELLS_BESIDE": "us,eu"}),
        (["us", "other"], {"CELLS": "us", "CELLS_BESIDE": "us,eu"}),
        (["us", "eu", "other"], {}),  # all of a day's: the whole day, which is then noted as built
    ],
)
def test_what_dbt_is_told(asked, environment):
    keys = [f"2026-01-01|{region}" if region else "2026-01-01" for region in asked]
    assert REGIONS.environment(keys) == environment


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        (None, "2026-01-01"),
        ("us", "2026-01-01|us"),
        ("mars", "2026-01-01|other"),
        ("unknown", "2026-01-01|other"),
    ],
)
def test_the_partition_of_a_row(region, partition):
    assert REGIONS.partition("2026-01-01", region) == partition


def test_the_cells_of_days_are_of_every_region():
    cells = [str(cell) for cell in REGIONS.cells(parse_range("2026-01-01", "2026-01-02"))]
    assert cells == [
        f"{day}|{region}"
        for day in ("2026-01-01", "2026-01-02")
        for region in ("us", "eu", "other")
    ]
