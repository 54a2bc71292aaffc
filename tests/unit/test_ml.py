"""Features and model, from a handful of rows."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from upath import UPath

from core.days import DayRange
from ml.features import activity_frame, features_by_day, features_of
from ml.propensity import train
from orchestration.io_manager import PartitionedFiles

DAY = date(2026, 3, 10)


def activity(user: str, days_before: int, **counts: int) -> dict[str, object]:
    return (
        {
            "event_date": DAY - timedelta(days=days_before),
            "user_id": user,
            "user_tier": "pro" if days_before else "free",
            "user_region": "eu-west",
        }
        | {"events": 1, "event_types": 1, "add_to_carts": 0, "purchases": 0}
        | counts
    )


def test_features_know_what_was_known_at_the_start_of_the_day():
    rows = [
        activity("seen", 8, events=100),  # too long ago
        activity("seen", 7, events=3),
        activity("seen", 2, events=4, add_to_carts=1),
        activity("seen", 0, events=50, purchases=2),
        activity("new", 0, events=1),
        activity("gone", 1, purchases=1),
        activity("later", -1, purchases=9),
    ]
    features = features_of(activity_frame(rows), DAY).set_index("user_id")
    assert sorted(features.index) == ["gone", "new", "seen"]
    seen, new = features.loc["seen"], features.loc["new"]
    assert (seen.events, seen.add_to_carts, seen.active_days, seen.days_since_last) == (7, 1, 2, 2)
    assert seen.user_tier == "pro"  # as it was before
    assert (new.events, new.active_days, new.days_since_last, new.user_tier) == (0, 0, 8, "unknown")
    assert features.bought.to_dict() == {"gone": False, "new": False, "seen": True}


def test_a_range_has_the_features_of_each_of_its_days_and_reads_a_day_at_a_time():
    days, asked = DayRange(DAY - timedelta(days=20), DAY + timedelta(days=1)), []
    # Nobody is active in the first ten days; then a user a day, each on two days of eleven.
    rows = [activity(f"u{n % 9}", n, events=n + 1) for n in range(11)]

    def read(day: DayRange) -> list[dict[str, object]]:
        asked.append((day.end - day.start).days)
        return [row for row in rows if row["event_date"] in day]

    found = dict(features_by_day(read, days))
    assert list(found) == list(days)
    assert all(f.equals(features_of(activity_frame(rows), day)) for day, f in found.items())
    assert len(found[DAY]) == 8
    assert asked == [1] * 28


def test_the_model_finds_who_buys_and_says_how_well():
    rows = []
    for number in range(400):
        eager = number % 2
        rows += [activity(f"u{number}", 1, add_to_carts=5 * eager)]
        rows += [activity(f"u{number}", 0, purchases=eager if number % 10 else 1 - eager)]
    _, metrics = train(features_of(activity_frame(rows), DAY))
    assert metrics["rows"] == 400
    assert metrics["roc_auc"] > 0.8
    _, same = train(features_of(activity_frame(rows), DAY))
    assert metrics == same  # held-out users are chosen by name


@pytest.mark.parametrize("rows", [[], [activity("u", 1)], [activity("u", 0, purchases=1)]])
def test_days_with_nothing_to_learn_give_a_model_all_the_same(rows):
    features = features_of(activity_frame(rows), DAY)
    model, metrics = train(features)
    assert metrics["rows"] == len(features)
    assert "roc_auc" not in metrics
    if len(features):
        assert len(model.predict_proba(features)) == len(features)


@pytest.mark.parametrize("url", ["{tmp_path}", "memory://bucket/prefix"])
def test_files_are_frames_or_objects_wherever_the_url_points(url, tmp_path):
    class Context:
        run_id = "run"

    files = PartitionedFiles()
    folder = UPath(url.format(tmp_path=tmp_path)) / "features"
    features = features_of(activity_frame([activity("u", 1)]), DAY)
    files.dump_to_path(Context, features, folder / "2026-03-10")
    files.dump_to_path(Context, {"a": 1}, folder / "2026-03-11")
    assert files.load_from_path(None, folder / "2026-03-10").equals(features)
    assert files.load_from_path(None, folder / "2026-03-11") == {"a": 1}
    assert sorted(path.name for path in folder.iterdir()) == [
        "2026-03-10.parquet",
        "2026-03-11.joblib",
    ]
