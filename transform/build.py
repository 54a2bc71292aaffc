"""Builds and tests of days: `make transform` and what else runs dbt.

dbt runs inside this process, so that its events drive the progress bar.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import date

from dbt.artifacts.resources.types import NodeType
from dbt.artifacts.schemas.results import NodeResult
from dbt_common.events.base_types import EventMsg
from psycopg2.extensions import connection as Connection

from core.days import DayRange
from core.errors import UserError, redacted
from core.migrations import prepare
from core.progress import Progress
from core.settings import read_settings
from core.warehouse.connection import Warehouse
from core.warehouse.room import require_room
from core.warehouse.target import is_dev
from transform.build_lock import build_lock, is_edited
from transform.event_days import chunks, failed_days, has_older_profiles, named, reshaped, state
from transform.invocation import OnEvent, invoke, last_invocation
from transform.project import project_digest
from transform.said import of_invocation, of_node
from transform.settings import TransformSettings
from transform.settled import note_settled
from transform.views import BESIDE_VIEWS, are_untouched, note_views

_WAITS = " partitions wait ("  # dbt/macros/strategies/partition_overwrite.sql says for whom


def build_arguments(days: DayRange | None) -> list[str]:
    """dbt's arguments to build a range of UTC days; without one, what is out of date.

    Unit tests test the code, not the data: they run in CI (a bare `dbt build`), not here.
    The range goes by flags, not by --vars: a new value of a variable costs a full parse.
    """
    arguments = ["build", "--exclude-resource-type", "unit_test"]
    if days is not None:
        arguments += [f"--event-time-start={days.start}", f"--event-time-end={days.end}"]
    return arguments


def prepare_warehouse(warehouse: Warehouse, is_dry: bool = False) -> bool:
    """Give the warehouse the tables that the models read; UserError where it has newer ones.

    Args:
        warehouse: where.
        is_dry: nothing may be changed.

    Returns:
        Whether it has them: see `core.migrations.prepare`.
    """
    with closing(warehouse.connect()) as db:
        return prepare(db, is_dry)


def transform(warehouse: Warehouse, days: DayRange | None, progress: Progress) -> str:
    """Run `dbt build` and say in one line what it did, and in others what is not right yet.

    Args:
        warehouse: where to build.
        days: rebuild these; None rebuilds exactly the days that loads touched since.
        progress: shows the models and tests as they finish.

    Raises:
        UserError: a model or a blocking test failed, each has its own line on stderr; without
            `days`, also where some day failed its tests earlier and has not passed them since.
    """
    is_auto = days is None and read_settings(TransformSettings).rebuild == "auto"
    if is_auto and not is_dev():
        prepare_warehouse(warehouse)
        if is_edited(warehouse, project_digest()) or reshaped(warehouse):
            rebuild_tables(warehouse, progress)
    results = _build(warehouse, days, progress)
    if days is not None:
        return _said(results)
    if has_older_profiles(warehouse):
        results = _build(warehouse, None, progress)
    left = state(warehouse)
    if is_auto and left.older:
        for chunk in chunks(left.older):
            print(f"{chunk} on today's models: {build(warehouse, chunk, progress)}")
        left = state(warehouse)
    if left.failed:
        red = f"{len(left.failed)} days are red: {named(left.failed)}"
        raise UserError(f"{_said(results)}, but {red}")
    if all(result.status != "warn" for result in results):
        note_settled(warehouse)
    return "\n".join([_said(results), *left.notes()])


def rebuild_tables(warehouse: Warehouse, progress: Progress) -> list[str]:
    """Build whole those tables whose models have another key or other columns.

    Args:
        warehouse: where.
        progress: shows the models and tests.

    Returns:
        The models.

    Raises:
        UserError: a model or a blocking test failed, or the disk has no room for another table
            beside the one in place.
    """
    invoke(warehouse, ["run-operation", "note_shapes", "--log-level", "none"])
    models = reshaped(warehouse)
    if models:
        require_room(warehouse, models)
        arguments = [*build_arguments(None), "--full-refresh", "--select", *models]
        print(_said(_shown(warehouse, arguments, f"dbt build of {', '.join(models)}", progress)))
    return models


def build(warehouse: Warehouse, days: DayRange | None, progress: Progress) -> str:
    """Run `dbt build`, as `transform`, and say in one line what it did."""
    return _said(_build(warehouse, days, progress))


def _build(warehouse: Warehouse, days: DayRange | None, progress: Progress) -> list[NodeResult]:
    title = f"dbt build {days}" if days else "dbt build"
    arguments = build_arguments(days)
    if are_untouched(warehouse):
        return _shown(warehouse, [*arguments, *BESIDE_VIEWS], title, progress)
    results = _shown(warehouse, arguments, title, progress)
    note_views(warehouse)
    return results


def _said(results: Sequence[NodeResult]) -> str:
    """What a build did, in one line."""
    count = Counter(f"{result.status}" for result in results)
    # Hooks of the project, the user's seeds and snapshots are results too.
    models = sum(each.status == "success" for each in results if _is_model(each))
    return f"dbt build: {models} models, {count['pass']} tests passed, {count['warn']} warned"


def test_days(warehouse: Warehouse, days: DayRange, progress: Progress) -> str:
    """Run the data tests of UTC days, and say in one line what they said.

    Raises:
        UserError: a blocking test failed; each has its own line on stderr.
    """
    # `dbt test` takes no --event-time-start: dbt/macros/days/tested_days.sql reads these.
    asked = {"FROM": f"{days.start}", "TO": f"{days.last}"}
    arguments = ["test", "--exclude-resource-type", "unit_test"]
    results = _shown(warehouse, arguments, "dbt test", progress, asked)
    count = Counter(f"{result.status}" for result in results)
    return f"dbt test: {count['pass']} tests passed, {count['warn']} warned"


def _shown(
    warehouse: Warehouse,
    arguments: Sequence[str],
    title: str,
    progress: Progress,
    env: Mapping[str, str] | None = None,
) -> list[NodeResult]:
    """One dbt invocation with its progress; what failed is a line on stderr, then a UserError."""

    def on_event(event: EventMsg) -> None:
        if event.info.name == "LogStartLine" and event.data.index == 1:
            progress.start(title, event.data.total)
        elif event.info.name == "NodeFinished":
            progress.advance()

    try:
        results = run_dbt(warehouse, arguments, env, on_event)
    finally:
        progress.done()
    for result in results:
        if result.status in ("error", "fail", "warn"):
            progress.tell(f"{result.status}: {redacted(of_node(result))}")
    failed = [result for result in results if result.status in ("error", "fail")]
    if failed:
        days = failed_days(warehouse)
        red = f"; red days: {named(days)}" if days else ""
        number = sum(each.node.resource_type != NodeType.Operation for each in results)
        raise UserError(
            f"{title} failed: {len(failed)} of {number} models and tests, see above; "
            f"corrected, make transform builds what is left{red}"
        )
    return results


class _Waiting:
    """Listens to dbt for days that wait for a reader, and passes its events on."""

    def __init__(self, on_event: OnEvent | None) -> None:
        self._on_event = on_event
        self._messages: list[str] = []

    def __call__(self, event: EventMsg) -> None:
        if event.info.name == "JinjaLogWarning" and _WAITS in event.data.msg:
            self._messages.append(event.data.msg)
        if self._on_event is not None:
            self._on_event(event)

    def say(self) -> None:
        """Say whom they wait for: after the progress display."""
        for message in self._messages:
            print(f"warn: {message}", file=sys.stderr)


def run_dbt(
    warehouse: Warehouse,
    arguments: Sequence[str],
    env: Mapping[str, str] | None = None,
    on_event: OnEvent | None = None,
) -> list[NodeResult]:
    """One dbt invocation under the build lock, quiet; its results, node by node.

    Args:
        warehouse: where to build; its schema is brought up to date first.
        arguments: dbt's.
        env: variables that only this invocation sees.
        on_event: told what dbt does, for the progress display.

    Raises:
        UserError: a setting is wrong, or dbt failed before its first node.
    """
    settings = read_settings(TransformSettings)
    # Nobody here reads dbt's JSON artifacts, a quarter of a second a run; they can be asked for.
    json = {"DBT_WRITE_JSON": f"{settings.write_json}".lower()}
    if not is_dev():
        prepare_warehouse(warehouse)
    quiet = [*arguments, "--log-level", "none"]
    told = _Waiting(on_event)
    with build_lock(warehouse, project_digest()) as succeeded:
        outcome = invoke(warehouse, quiet, json | dict(env or {}), told)
        results = list(getattr(outcome.result, "results", []))
        models = [each.status for each in results if _is_model(each)]
        if set(models) == {"success"}:
            succeeded()
    told.say()
    if not outcome.success and (outcome.exception or not results):
        raise UserError(f"dbt: {of_invocation(outcome.exception)}")
    return results


def days_built(db: Connection, beside: DayRange | None = None) -> list[date]:
    """The event days whose facts the last `run_dbt` of this process has built, without those of a
    range."""
    # Not of event_days: where that view could not be made, its error is what counts.
    with db.cursor() as cursor:
        cursor.execute(
            """select day from intermediate.built_days
            where model = 'fact_events' and invocation_id = %s order by day""",
            (last_invocation(),),
        )
        return [day for (day,) in cursor.fetchall() if beside is None or day not in beside]


def days_waiting(db: Connection, days: DayRange) -> list[str]:
    """The event days of `days` whose facts the last `run_dbt` of this process has filled and not
    swapped, because readers held them: they keep their rows, and the next build replaces them."""
    with db.cursor() as cursor:
        cursor.execute(
            """select day from raw.day_versions as versions
            where kind = 'event_date' and day >= %s and day < %s and not exists (
                select from intermediate.built_days as built
                where built.model = 'fact_events' and built.kind = versions.kind
                    and built.day = versions.day and built.invocation_id = %s
            ) order by day""",
            (days.start, days.end, last_invocation()),
        )
        return [f"{day}" for (day,) in cursor.fetchall()]


def _is_model(result: NodeResult) -> bool:
    return bool(result.node.resource_type == NodeType.Model)


def why_it_failed(results: Sequence[NodeResult]) -> tuple[str, bool]:
    """One line about the models and blocking tests that failed, empty where none did; and whether
    to try again: a failed test would fail again, a model may have met a lock or a lost server."""
    failed = [result for result in results if result.status in ("error", "fail")]
    return "; ".join(of_node(result) for result in failed), all(
        result.status == "error" for result in failed
    )
