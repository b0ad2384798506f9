"""Asking a STAC API, by pystac-client."""

from __future__ import annotations

import warnings
from typing import Any

from aoi.finding.item import Item, read_items
from aoi.finding.query import Query, matching
from aoi.finding.sources import TIMEOUT_S, Source, origin, reason, session, unanswered
from imagery.record import Caution

MOST_ITEMS, PAGE = 1000, 100


def search_api(source: Source, query: Query) -> tuple[tuple[Item, ...], tuple[Caution, ...]]:
    """The items of a STAC API that match.

    Parameters
    ----------
    source
        The API.
    query
        What is asked for; the API learns its box, its days and its collections, and sees the IP
        address that asks.

    Returns
    -------
    (items, cautions)
        Each item once, checked against the area itself.

    Raises
    ------
    InputError
        If the server is down, or no STAC API, after retries.
    """
    from pystac_client import Client
    from pystac_client.exceptions import APIError
    from pystac_client.stac_api_io import StacApiIO

    io = StacApiIO(timeout=TIMEOUT_S, max_retries=None)
    io.session = session(origin(source.url))
    asked = query.collections or source.collections
    raw: list[Any] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what an API doesn't conform to shows in its answer
            client = Client.open(source.url, stac_io=io)
            search = client.search(
                # What every API has: without POST or filters of its own.
                method="GET",
                bbox=query.box,
                datetime=None if query.days is None else str(query.days),
                collections=list(asked) or None,
                max_items=MOST_ITEMS,
                limit=PAGE,
            )
            for page in search.pages_as_dicts():
                raw += page["features"] if isinstance(page.get("features"), list) else []
                if len(raw) >= MOST_ITEMS:
                    break
    except APIError as error:
        raise unanswered(source.url, _told(error)) from error
    except Exception as error:  # an answer of any shape goes through pystac's hands
        raise unanswered(source.url, f"no STAC API: {reason(error)}") from error
    items, cautions = read_items(raw, base=source.url)
    if len(raw) >= MOST_ITEMS:
        cautions += (
            Caution(
                "search-cut",
                f"{source.name} has more than {MOST_ITEMS} items there: the rest isn't looked at. "
                "Ask for fewer days or collections, or a smaller --pad.",
            ),
        )
    return matching(items, query), cautions


def _told(error: Any) -> str:
    status = getattr(error, "status_code", None)
    return f"status {status}" if status else reason(error)
