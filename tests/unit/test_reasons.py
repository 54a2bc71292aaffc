"""The closed list of reasons is the same wherever it is written down."""

import re

import pytest
import yaml

from core.settings import ROOT
from ingestion.mapping.reasons import EVENT_REASONS, PROFILE_REASONS, Reason

MODELS = ROOT / "dbt" / "models"


def test_the_documented_table():
    text = (MODELS / "docs.md").read_text().split("{% docs reject_reason %}")[1]
    assert tuple(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == tuple(Reason)


@pytest.mark.parametrize(
    ("table", "reasons"),
    [("quarantined_events", EVENT_REASONS), ("quarantined_profiles", PROFILE_REASONS)],
)
def test_the_values_that_dbt_accepts(table, reasons):
    [model] = yaml.safe_load((MODELS / "marts" / f"{table}.yml").read_text())["models"]
    [reason] = [column for column in model["columns"] if column["name"] == "reason"]
    [test] = reason["data_tests"]
    assert tuple(test["accepted_values"]["arguments"]["values"]) == reasons
