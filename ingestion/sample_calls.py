"""Requests for samples count as those of ingestion do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from core.errors import UserError
from core.migrations import migrate
from core.warehouse.server import warehouse
from ingestion.land.call_budget import call_budget
from ingestion.settings import SampleSettings


@contextmanager
def counted_calls(settings: SampleSettings) -> Iterator[Callable[[], None]]:
    """What is to be called before each request for a sample. Where the source has no
    `calls_per_day` nothing is counted, and no warehouse is needed.

    Raises:
        UserError: from what is called, and at the end: the calls are used up. Whoever tries one
            way to ask after another takes a refusal for an answer.
    """
    if not settings.calls_per_day:
        yield lambda: None
        return
    refused: list[UserError] = []
    found = warehouse()
    with closing(found.connect()) as db:
        migrate(db)
    with call_budget(found, settings.source_name, settings.calls_per_day) as spend:

        def noted() -> None:
            try:
                spend()
            except UserError as error:
                refused.append(error)
                raise

        yield noted
    if refused:
        raise refused[0]
