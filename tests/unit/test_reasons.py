"""The closed list of reasons is the same wherever it is written down."""

import re

import yaml

from core.settings import ROOT
from ingestion.mapping.reasons import REASONS

MODELS = ROOT / "dbt" / "models"


def test_the_documented_table():
    text = (MODELS / "docs.md").read_text().split("{% docs reject_reason %}")[1]
    assert tuple(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == REASONS


def test_the_values_that_dbt_accepts():
    [model] = yaml.safe_load((MODELS / "marts" / "quarantined_events.yml").read_text())["models"]
    [reason] = [column for column in model["columns"] if column["name"] == "reason"]
    [test] = reason["data_tests"]
    assert tuple(test["accepted_values"]["arguments"]["values"]) == REASONS


def test_what_the_code_gives():
    written = ""
    for path in (ROOT / "ingestion").rglob("*.py"):
        if path.name != "reasons.py":
            written += (
                path.read_text()
                .replace("invalid_{time}", "invalid_event_ts")
                .replace("{time}_out_of_range", "event_ts_out_of_range")
            )
    written += (MODELS / "staging" / "stg_events.sql").read_text()
    given = {reason for reason in REASONS if f"'{reason}'" in written or f'"{reason}"' in written}
    assert given == set(REASONS)
    pattern = r"[\"']((?:malformed|invalid|missing|oversized|nested|duplicate)_\w+)[\"']"
    assert set(re.findall(pattern, written)) <= set(REASONS)
