"""Orders of a shop as events: a resource of dlt, written as its documentation writes them.

    make ingest RESOURCE=examples.dlt.orders:orders MAPPING=examples/dlt/orders.toml \\
        FROM=2026-01-01 TO=2026-01-07

SOURCES__ORDERS__API_URL says where the shop is, SOURCES__ORDERS__API_KEY who asks.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import dlt
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.auth import BearerTokenAuth
from dlt.sources.helpers.rest_client.paginators import JSONLinkPaginator


@dlt.resource(name="orders", primary_key="id", write_disposition="append")
def orders(
    start: datetime,
    end: datetime,
    api_url: str = dlt.config.value,
    api_key: str = dlt.secrets.value,
) -> Iterator[list[dict[str, Any]]]:
    """The orders placed from `start` to before `end`, page by page."""
    client = RESTClient(
        api_url,
        auth=BearerTokenAuth(token=api_key),
        paginator=JSONLinkPaginator(next_url_path="next"),
    )
    params = {"placed_from": start.isoformat(), "placed_before": end.isoformat()}
    yield from client.paginate("/orders", params=params, data_selector="orders")
