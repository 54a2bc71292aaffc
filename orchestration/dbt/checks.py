"""Results of dbt's tests, and of others, as Dagster's checks of partitions."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from core.warehouse.relation import Where
from orchestration.dbt.failures import passed_by_partition

ERROR = dg.AssetCheckSeverity.ERROR
WARN = dg.AssetCheckSeverity.WARN

Context = dg.AssetExecutionContext | dg.AssetCheckExecutionContext


def note_test(
    context: Context,
    spec: dg.AssetCheckSpec,
    result: Any,
    where: Where,
    partitions: Sequence[str],
) -> None:
    """Note what one of dbt's tests says of partitions, with the query of the failing rows.

    Args:
        context: of the run.
        spec: the test as a check.
        result: dbt's, of the test.
        where: the warehouse it ran in, or an open connection to it.
        partitions: UTC days or cells.
    """
    query = f"```sql\n{(result.node.compiled_code or '').strip()}\n```"
    metadata = {"rows": result.failures or 0, "query": dg.MetadataValue.md(query)}
    severity = WARN if result.status == "warn" else ERROR
    passed = passed_by_partition(where, result, partitions)
    note(context, spec, severity, passed, metadata)


def note(
    context: Context,
    spec: dg.AssetCheckSpec,
    severity: dg.AssetCheckSeverity,
    passed: Mapping[str, bool],
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Note a check's result of each partition.

    Alone, Dagster notes a range's result for none at all. Automation asks by partition, and only
    counts results that name its newest materialization.
    """
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION
    newest = context.instance.get_latest_storage_id_by_partition(spec.asset_key, kind, set(passed))
    log: Any = context.op_execution_context.log_event  # takes evaluations; its type says not so
    for partition, has_passed in passed.items():
        storage_id = newest.get(partition)
        log(
            dg.AssetCheckEvaluation(
                asset_key=spec.asset_key,
                check_name=spec.name,
                passed=has_passed,
                severity=severity,
                blocking=spec.blocking,
                partition=partition,
                metadata=metadata,
                target_materialization_data=storage_id and target(storage_id, context.run.run_id),
            )
        )


def target(storage_id: int, run_id: str) -> Any:
    """Which materialization a check has looked at, by its number in Dagster's history.

    Dagster exports no type of it. What it reads back from its history is public.
    """
    fields = {
        "__class__": "AssetCheckEvaluationTargetMaterializationData",
        "storage_id": storage_id,
        "run_id": run_id,
        "timestamp": time.time(),
    }
    return dg.deserialize_value(json.dumps(fields))
