"""dbt as a resource of Dagster."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.warehouse.connection import Warehouse


class Dbt:
    """dbt, inside this process: most of what it imports is there (benchmarks/orchestration.py)."""

    def run(
        self,
        warehouse: Warehouse,
        arguments: Sequence[str],
        env: Mapping[str, str] | None = None,
    ) -> list[Any]:
        """One invocation under the build lock; dbt's results, node by node (Any: they have no
        public type).

        Raises:
            UserError: it failed before its first node.
        """
        from transform.build import run_dbt  # 1 s: not for loading the code location

        return run_dbt(warehouse, arguments, env)
