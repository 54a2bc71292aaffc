"""Runs that are told to end, by a person or by whoever stops the process, end at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import dagster as dg

# Dagster's own, of a run: it is tried again as a whole though it was a step that failed.
AGAIN = {"dagster/retry_on_asset_or_op_failure": "true"}


@contextmanager
def terminable(context: dg.AssetExecutionContext) -> Iterator[None]:
    """What a step does. Dagster takes an interrupt for a failure that a retry policy mends: it
    starts the step again, after which the terminated run succeeds.

    Ctrl-C, and Terminate in the UI, cancel the run. Where its process is told to end (SIGTERM), it
    is tried again by the next one.

    Raises:
        dg.Failure: it was told to end.
    """
    try:
        with _as_python_does():
            yield
    except (KeyboardInterrupt, SystemExit) as told:
        run = context.run
        if isinstance(told, SystemExit):
            context.instance.add_run_tags(run.run_id, AGAIN)
        else:
            context.instance.report_run_canceling(run, "terminated")
        raise dg.Failure("terminated", allow_retries=False) from None


@contextmanager
def _as_python_does() -> Iterator[None]:
    """SIGINT and SIGTERM are what they are without Dagster: dbt cancels its queries for these two
    exceptions, and for no other."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, _exit)
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _exit(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)
