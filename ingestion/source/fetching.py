"""Fetching ahead: while one thing is used, the next ones are on their way."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.pool import AsyncResult, ThreadPool
from typing import TypeVar

# After an error, how long threads have to notice it: all but those whose server is silent do at
# once.
GRACE_SECONDS = 2
Item = TypeVar("Item")
Fetched = TypeVar("Fetched")


def fetched_ahead(
    fetch: Callable[[Item], Fetched],
    items: Iterable[Item],
    threads: int,
    weigh: Callable[[Item], int],
    capacity: int,
    give_up: Callable[[], None],
) -> Iterator[Fetched]:
    """What `fetch` makes of each item, in their order.

    Args:
        fetch: called in several threads.
        items: what to fetch.
        threads: so many are fetched at the same time.
        weigh: what an item weighs, such as its bytes.
        capacity: what is fetched or being fetched, and not yet used, weighs at most so much, or is
            one item.
        give_up: called when an error ends it, for the threads that are still busy.
    """
    running: deque[tuple[AsyncResult[Fetched], int]] = deque()
    # Its threads are daemons: neither an error nor Ctrl-C waits for a server that does not answer.
    with ThreadPool(threads) as pool:
        try:
            for item in items:
                weight = weigh(item)
                while running and sum(each for _, each in running) + weight > capacity:
                    yield running[0][0].get()
                    running.popleft()
                running.append((pool.apply_async(fetch, (item,)), weight))
            while running:
                yield running[0][0].get()
                running.popleft()
            pool.close()
            pool.join()
        except BaseException:
            give_up()
            deadline = time.monotonic() + GRACE_SECONDS
            for result, _ in running:
                result.wait(max(0, deadline - time.monotonic()))
            raise
