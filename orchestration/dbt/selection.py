"""What of the dbt project a Dagster run has selected."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from core.days import DayRange
from orchestration.dbt.cells import is_by_week
from transform.project import manifest

# Where dagster_dbt notes which node an asset or a check is.
UNIQUE_ID = "dagster_dbt/unique_id"


@dataclass(frozen=True)
class Selection:
    """The models and tests of a run, by dbt's unique id, and the models that are built along.

    Dagster cannot put assets of days, of cells and of weeks into one run, and made another run of
    the cells after each of a day. dbt can build all in one invocation: a run that builds what cells
    or weeks are made of builds those of its days along.
    """

    models: Mapping[str, dg.AssetSpec]
    tests: Mapping[str, dg.AssetCheckSpec]
    along: Sequence[str]

    @classmethod
    def of(cls, context: dg.AssetExecutionContext) -> Selection:
        """The selection of a run."""
        assets = context.assets_def
        models = {
            spec.metadata[UNIQUE_ID]: spec
            for spec in assets.specs
            if spec.key in context.selected_asset_keys
        }
        tests = {
            spec.metadata[UNIQUE_ID]: spec
            for spec in assets.check_specs
            if spec.key in context.selected_asset_check_keys
        }
        return cls(models, tests, _along(models))

    def arguments(self, days: DayRange, missing: Sequence[str] = ()) -> list[str]:
        """dbt's arguments for some UTC days.

        Checks alone are `dbt test`: a build tests what it has built, which would be nothing.

        Args:
            days: the UTC days of the run.
            missing: other models that the selected ones need.
        """
        from transform.build import build_arguments  # imports dbt, 1 s

        arguments = build_arguments(days) if self.models else ["test"]
        # In full: a name alone may also be a folder's, or the project's.
        nodes = manifest()["nodes"]
        selected = [*(self.models or self.tests), *self.along, *missing]
        names = [".".join(nodes[unique_id]["fqn"]) for unique_id in selected]
        return [*arguments, "--select", *names]

    def has_built(self, result: Any) -> bool:
        """Whether one of dbt's results is of a model that it has built."""
        unique_id = result.node.unique_id
        return result.status == "success" and (unique_id in self.models or unique_id in self.along)

    def of_tests(self, results: Sequence[Any]) -> list[Any]:
        """Those of dbt's results that are of tests which it has run."""
        return [r for r in results if r.node.unique_id in self.tests and r.status != "skipped"]


def _along(models: Collection[str]) -> list[str]:
    """The models of cells and weeks that are made of some models, and not among them."""
    nodes = manifest()["nodes"]
    return [
        unique_id
        for unique_id, node in nodes.items()
        if (node["config"].get("cell_column") or is_by_week(node["config"]))
        and unique_id not in models
        and not set(models).isdisjoint(node["depends_on"]["nodes"])
    ]
