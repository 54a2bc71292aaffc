"""How an API is paged: each page names the next one, until one does not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

from core.errors import UserError
from ingestion.source.page import Page

# Pages of one record may say the same: duplicates are the source's right. So often, they go round.
SAME_RECORD = 100


def follow_pages(ask: Callable[[str | None, int], Page], where: str, what: str) -> Iterator[Page]:
    """The pages, from the first to the last.

    Args:
        ask: gets the page of a cursor, None for the first, by its number.
        where: the setting and address, for messages.
        what: which day, for messages.

    Raises:
        UserError: the pages go in circles.
    """
    asked: set[str] = set()
    seen: dict[int, list[int]] = defaultdict(list)
    cursor: str | None = None
    number = 0
    while number == 0 or cursor is not None:
        number += 1
        page = ask(cursor, number)
        if page.lines:
            same = seen[hash(page.lines)]
            same.append(number)
            if len(same) > (1 if "\n" in page.lines else SAME_RECORD):
                raise UserError(f"{where}: page {number} of {what} repeats page {same[0]}")
        if page.cursor in asked:
            raise UserError(f"{where}: the cursor goes round in a circle on {what}")
        yield page
        cursor = page.cursor
        if cursor is not None:
            asked.add(cursor)
