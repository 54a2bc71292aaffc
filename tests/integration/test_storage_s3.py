"""STORAGE_URL on s3://…: features and models of each day are objects."""

from __future__ import annotations

import dagster as dg
import pandas as pd
from upath import UPath

from core.days import parse_range
from orchestration import assets
from orchestration.io_manager import PartitionedFiles, Storage
from orchestration.range_tags import range_tags
from orchestration.resources import Warehouse as WarehouseResource
from orchestration.retention import count_user, forget_user
from orchestration.settings import orchestration_settings
from tests.helpers.pipeline import query

FIRST, LAST = "2026-03-01", "2026-03-03"
ACTIVITY = """
    create schema analytics;
    create table analytics.user_activity as
    select event_date::date, user_id::text, 'free' as user_tier, 'eu-west' as user_region,
        3 as events, 1 as event_types, user_id % 2 as add_to_carts, user_id % 2 as purchases
    from generate_series(date '2026-02-24', date '2026-03-03', interval '1 day') as event_date,
        generate_series(1, 200) as user_id;
    select 1
"""


def test_features_and_models_are_objects_by_partition(warehouse, bucket):
    query(warehouse, ACTIVITY)
    resources = {
        "warehouse": WarehouseResource(),
        "storage": Storage(url="s3://bucket/ml"),
    }
    both = [assets.user_activity_features, assets.purchase_propensity_model]
    tags = range_tags(parse_range(FIRST, LAST))
    days = [FIRST, "2026-03-02", LAST]
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize(both, instance=instance, resources=resources, tags=tags)
        assert done.success
        stored = {thing.key: thing.e_tag for thing in bucket.objects.all()}
        assert sorted(stored) == [
            f"ml/{name}/{day}.{kind}"
            for name, kind in (
                ("purchase_propensity_model", "joblib"),
                ("user_activity_features", "parquet"),
            )
            for day in days
        ]
        # One day again, with other activity before it: it reads and writes its own objects.
        query(warehouse, "update analytics.user_activity set events = 9 returning 1")
        for asset in both:
            again = dg.materialize(
                both, instance=instance, resources=resources, selection=[asset], partition_key=LAST
            )
            assert again.success
    after = {thing.key: thing.e_tag for thing in bucket.objects.all()}
    assert {key for key in stored if after[key] != stored[key]} == {
        f"ml/user_activity_features/{LAST}.parquet",
        f"ml/purchase_propensity_model/{LAST}.joblib",
    }
    files, folder = PartitionedFiles(), UPath("s3://bucket/ml")
    features = files.load_from_path(None, folder / "user_activity_features" / LAST)
    assert features.events.sum() == 7 * 200 * 9
    model = files.load_from_path(None, folder / "purchase_propensity_model" / LAST)
    likely = model.predict_proba(features)[:, 1]
    assert ((likely > 0.5) == features.bought).all()


def test_a_user_is_taken_out_of_objects(bucket, tmp_path, monkeypatch):
    """And what a killed run has left goes, whoever is in it; other objects are not written."""
    monkeypatch.setenv("STORAGE_URL", "s3://bucket/ml")
    orchestration_settings.cache_clear()
    folder = UPath("s3://bucket/ml/user_activity_features")
    for name, users in (("a.parquet", ["u1", "u2"]), ("b.parquet", ["u2"])):
        with (folder / name).open("wb") as file:
            pd.DataFrame({"user_id": users, "events": 1}).to_parquet(file)
    (folder / "c.parquet.00000000-killed").write_bytes(b"half")
    stored = {thing.key: thing.e_tag for thing in bucket.objects.all()}
    try:
        assert count_user("u1")["user_activity_features"] == 1
        assert forget_user("u1")["user_activity_features"] == 1
    finally:
        orchestration_settings.cache_clear()
    left = {thing.key: thing.e_tag for thing in bucket.objects.all()}
    assert set(left) == {f"ml/user_activity_features/{name}.parquet" for name in "ab"}
    of_others = "ml/user_activity_features/b.parquet"
    assert left[of_others] == stored[of_others]
    with (folder / "a.parquet").open("rb") as file:
        assert list(pd.read_parquet(file).user_id) == ["u2"]
