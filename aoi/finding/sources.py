"""Whom to ask: catalogues by name, and the requests that go to them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from imagery.errors import InputError, UsageError

if TYPE_CHECKING:
    from requests import Session

TIMEOUT_S = (15.0, 60.0)
"""Seconds to connect, and between two bytes of an answer."""

LARGEST_ANSWER = 200_000_000
RETRIED = (429, 500, 502, 503, 504)


@dataclass(frozen=True)
class Source:
    """A STAC API."""

    name: str
    url: str
    collections: tuple[str, ...] = ()
    """Those asked for where the user names none; empty for every one."""

    note: str = ""


SOURCES = {
    "earth-search": Source(
        "earth-search",
        "https://earth-search.aws.element84.com/v1",
        # Landsat's files there cost their reader money, and aren't reached without an account.
        ("sentinel-2-c1-l2a", "sentinel-2-l2a"),
    ),
    "planetary-computer": Source(
        "planetary-computer",
        "https://planetarycomputer.microsoft.com/api/stac/v1",
        ("sentinel-2-l2a", "landsat-c2-l2"),
    ),
}
"""Catalogues by name.  None needs an account."""


def api_named(text: str) -> Source:
    """The STAC API that a user names, by name or address.

    Raises
    ------
    UsageError
        If it is neither.
    """
    if text in SOURCES:
        return SOURCES[text]
    if is_address(text):
        return Source(urlsplit(text).hostname or text, text.rstrip("/"))
    raise UsageError(
        "no such source of imagery",
        found=text[:100],
        needed=f"{', '.join(SOURCES)}, archive, the address of a STAC API, or an archive's file",
        option="--source",
    )


def is_address(text: str) -> bool:
    """Whether a text is an address on the web, and nothing else."""
    return bool(re.match(r"^https?://[^\s/]+", text, re.IGNORECASE))


def session(*prefixes: str) -> Session:
    """A session that retries what may pass, and reaches the given addresses alone.

    Links in an answer, and redirections, that lead elsewhere are refused: another host has no need
    to know what is asked.  Retries wait 1, 2, 4, ... seconds, or as long as the server says.

    Parameters
    ----------
    prefixes
        What addresses start with, such as ``"https://host/"``.
    """
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3 import Retry

    retry = Retry(
        total=5,
        connect=2,
        backoff_factor=1,
        status_forcelist=RETRIED,
        allowed_methods=None,  # a search changes nothing, by POST too
        raise_on_status=False,
    )

    class Bounded(HTTPAdapter):
        """Refuses an answer that is larger than any search gives."""

        def send(self, *args: Any, **kwargs: Any) -> Any:
            wanted = kwargs.pop("stream", False)
            answer = super().send(*args, **{**kwargs, "stream": True})
            if not wanted:
                content = bytearray()
                for part in answer.iter_content(1 << 20):
                    content += part
                    if len(content) > LARGEST_ANSWER:
                        answer.close()
                        raise requests.exceptions.ContentDecodingError("an endless answer")
                answer._content = bytes(content)
            return answer

    made = requests.Session()
    made.headers["User-Agent"] = "twopass"
    made.adapters.clear()
    for prefix in prefixes:
        made.mount(prefix.lower(), Bounded(max_retries=retry))
    return made


def origin(address: str) -> str:
    """The host of an address as a prefix: ``"https://host:port/"``."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}/"


def fetch_json(address: str) -> Any:
    """A JSON document from the web.

    Raises
    ------
    InputError
        If the server doesn't give it.
    """
    import requests

    try:
        answer = session(origin(address)).get(address, timeout=TIMEOUT_S)
        if answer.status_code != 200:
            raise unanswered(address, f"status {answer.status_code}")
        return answer.json()
    except requests.exceptions.RequestException as error:
        raise unanswered(address, reason(error)) from error


def unanswered(address: str, why: str) -> InputError:
    """A server that doesn't give what is asked for, named without what its address may reveal."""
    return InputError(
        f"{urlsplit(address).hostname or 'the server'} does not answer as it should",
        found=why[:200],
        needed="its answer: try again later, or another source; --source archive, one's own "
        "scenes, needs no network",
        option="--source",
    )


def reason(error: BaseException) -> str:
    """The last words of an error of the network: what went wrong, without objects' addresses."""
    text = " ".join(str(error).split())
    if "too many 429" in text:
        return "status 429: too many requests, also after waiting"
    if "No connection adapters" in text:
        return "it leads to another host, which isn't asked"
    if "Name or service" in text or "NameResolution" in text or "getaddrinfo" in text:
        return "no such host, or no network"
    if "refused" in text:
        return "connection refused"
    if "timed out" in text:
        return "no answer in time"
    return re.sub(r"<[^>]*>", "", text)[-200:]


def without_secrets(href: str) -> str:
    """An address without its query and user, where tokens and signatures stand."""
    if not is_address(href):
        return href
    parts = urlsplit(href)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"
