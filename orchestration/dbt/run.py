"""One dbt invocation as Dagster events: materializations, check results, and why it failed."""

import itertools
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, get_args, get_type_hints

import dagster as dg

from core.days import DayRange
from orchestration.automation import CELLS_ALONG, FACTS
from orchestration.dbt.failures import passed_by_partition
from orchestration.dbt.lineage import column_lineage
from orchestration.dbt.preview import rows_and_preview
from orchestration.dbt.translator import asset_key_of
from orchestration.partitions import cells_in, days_of, key_of
from orchestration.resources import Dbt, Warehouse
from transform.project import manifest

UNIQUE_ID, ROWS = "dagster_dbt/unique_id", "dagster/row_count"
ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
# Which materialization a check looked at. Dagster does not export the type.
Target = get_args(get_type_hints(dg.AssetCheckEvaluation)["target_materialization_data"])[0]
Event = dg.MaterializeResult[Any]
Env = Mapping[str, str]
Context = dg.AssetExecutionContext | dg.AssetCheckExecutionContext


def build(
    context: dg.AssetExecutionContext, dbt: Dbt, warehouse: Warehouse, cells: Env | None = None
) -> Iterator[Event]:
    """Build the run's selection for its days, and yield what came of each model and test.
    dg.Failure where one failed; without retries where it was a test: it would fail again."""
    from transform.build import build_arguments, days_built, why_it_failed

    assets, selected = context.assets_def, context.selected_asset_check_keys
    specs = {s.metadata[UNIQUE_ID]: s for s in assets.specs if s.key in context.selected_asset_keys}
    checks = {s.metadata[UNIQUE_ID]: s for s in assets.check_specs if s.key in selected}
    days, found = days_of(context), warehouse.open()
    # Checks alone are `dbt test`: a build tests what it has built, which would be nothing.
    arguments = build_arguments(days) if specs else ["test"]
    # In full: the name fact_events alone is the project's, and selects everything.
    # Dagster cannot put assets of days and of cells into one run: here dbt builds the cells along.
    nodes, is_all = manifest()["nodes"], CELLS_ALONG in context.run.tags and specs
    whole = [name for name in nodes if is_all and nodes[name]["config"].get("cell_column")]
    fqns = [".".join(nodes[unique_id]["fqn"]) for unique_id in [*(specs or checks), *whole]]
    results = dbt.run([*arguments, "--select", *fqns], cells)
    built: list[dg.AssetKey] = []
    ours = [r for r in results if r.status == "success" and r.node.unique_id in (*specs, *whole)]
    with closing(found.connect()) as db:
        for result in ours:
            key, (shown, rows) = asset_key_of(result.node.unique_id), _metadata(result, db, days)
            if result.node.unique_id in specs:
                built.append(key)
                for partition in () if "" in rows else context.partition_keys:
                    context.add_asset_metadata({ROWS: rows[partition]}, key, partition)
                yield dg.MaterializeResult(asset_key=key, metadata=shown)
            else:
                for cell in cells_in(days):
                    shown[ROWS] = rows[cell]
                    context.log_event(dg.AssetMaterialization(key, metadata=shown, partition=cell))
        # Late rows: a build of a day also rebuilds the older days that its delivery touched.
        late = days_built(db, days) if FACTS in built else []
    for key, day in itertools.product(built, late):
        context.log_event(dg.AssetMaterialization(key, partition=day))
    for result in results:
        if result.node.unique_id in checks and result.status != "skipped":
            spec = checks[result.node.unique_id]
            severity = WARN if result.status == "warn" else ERROR
            sql = f"```sql\n{(result.node.compiled_code or '').strip()}\n```"
            shown = {"rows": result.failures or 0, "query": dg.MetadataValue.md(sql)}
            passed = passed_by_partition(found, result, [*late, *context.partition_keys])
            note(context, spec, severity, passed, shown)
    reason, can_retry = why_it_failed(results)
    if reason:
        raise dg.Failure(reason, allow_retries=can_retry)


def note(
    context: Context,
    spec: dg.AssetCheckSpec,
    severity: Any,
    passed: Mapping[str, bool],
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Note a check's result of each partition. Alone, Dagster notes a range's result for none at
    all; automation asks by partition, for results that name its newest materialization."""
    kind, run, now = dg.DagsterEventType.ASSET_MATERIALIZATION, context.run.run_id, time.time()
    newest = context.instance.get_latest_storage_id_by_partition(spec.asset_key, kind, set(passed))
    log: Any = context.op_execution_context.log_event  # takes evaluations; its type does not say so
    shared: Any = {"asset_key": spec.asset_key, "check_name": spec.name, "severity": severity}
    shared |= {"blocking": spec.blocking, "metadata": metadata}
    for key, key_passed in passed.items():
        target = newest.get(key) and Target(storage_id=newest[key], run_id=run, timestamp=now)
        own: Any = {"partition": key, "passed": key_passed}
        log(dg.AssetCheckEvaluation(target_materialization_data=target, **shared, **own))


def _metadata(result: Any, db: Any, days: DayRange) -> tuple[dict[str, Any], Counter[str]]:
    """How long it took, what its columns are made of, how many rows there are, the first rows; and
    the rows of each partition, under "" where the model has no days."""
    lineage = {
        column: [dg.TableColumnDep(asset_key_of(origin), name) for origin, name in origins]
        for column, origins in column_lineage(result.node).items()
    }
    metadata: dict[str, Any] = {"dagster/column_lineage": dg.TableColumnLineage(lineage)}
    metadata["seconds"], rows = round(result.execution_time, 2), Counter[str]()
    counted, preview = rows_and_preview(db, result.node, days) or ({(): 0}, "")
    for values, number in counted.items():
        rows[key_of(*values)] += number
    if preview:
        metadata |= {ROWS: rows.total(), "preview": dg.MetadataValue.md(preview)}
    return metadata, rows
