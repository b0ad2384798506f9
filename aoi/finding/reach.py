"""An item's asset, opened where it lies: on this machine, or on the web."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from aoi.finding.files import resolved
from aoi.finding.item import Asset, Item
from aoi.finding.sources import TIMEOUT_S, origin, reason, session, unanswered
from imagery.env import open_raster, open_remote

SIGNER = "https://planetarycomputer.microsoft.com/api/sas/v1/token/"
"""Gives whoever asks a token for a collection, for some minutes."""

_SIGNED_HOSTS = ".blob.core.windows.net"


class Signer:
    """Signs addresses that want it; asks for each collection's token once.

    Planetary Computer's files lie in Azure's storage, which reads only what is signed.  Anyone may
    have a signature; there is no account.
    """

    def __init__(self, address: str = SIGNER) -> None:
        self._address = address
        self._tokens: dict[str, str] = {}

    def signed(self, address: str, item: Item) -> str:
        """The address with a token, where it needs one and has none."""
        parts = urlsplit(address)
        host = parts.hostname or ""
        if not (host.endswith(_SIGNED_HOSTS) and item.collection) or "sig=" in parts.query:
            return address
        if item.collection not in self._tokens:
            self._tokens[item.collection] = self._token(item.collection)
        return f"{address}{'&' if parts.query else '?'}{self._tokens[item.collection]}"

    def _token(self, collection: str) -> str:
        import requests

        address = self._address + quote(collection, safe="")
        try:
            answer = session(origin(address)).get(address, timeout=TIMEOUT_S)
            token = answer.json()["token"] if answer.status_code == 200 else None
        except (requests.exceptions.RequestException, ValueError, KeyError, TypeError) as error:
            raise unanswered(address, f"no token: {reason(error)}") from error
        if not isinstance(token, str) or "sig=" not in token or len(token) > 4000:
            raise unanswered(address, f"no token: status {answer.status_code}")
        return token


@contextmanager
def opened(item: Item, asset: Asset, signer: Signer) -> Iterator[Any]:
    """Open an asset for reading, in ``imagery.env.raster_environment``.

    Raises
    ------
    InputError
        If it is nowhere where twopass reads, or its server doesn't give it.
    """
    where = resolved(asset.href, item.base)
    if isinstance(where, Path):
        with open_raster(where) as dataset:
            yield dataset
        return
    with open_remote(signer.signed(where, item)) as dataset:
        yield dataset
