"""The closed list of reasons is the same wherever it is written down."""

import re

import yaml

from core.settings import ROOT
from ingestion.mapping.reasons import EVENT_REASONS

MODELS = ROOT / "dbt" / "models"


def test_the_documented_table():
    text = (MODELS / "docs.md").read_text().split("{% docs reject_reason %}")[1]
    assert tuple(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == EVENT_REASONS


def test_the_values_that_dbt_accepts():
    [model] = yaml.safe_load((MODELS / "marts" / "quarantined_events.yml").read_text())["models"]
    [reason] = [column for column in model["columns"] if column["name"] == "reason"]
    [test] = reason["data_tests"]
    assert tuple(test["accepted_values"]["arguments"]["values"]) == EVENT_REASONS
