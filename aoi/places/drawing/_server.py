"""A page on this machine alone, on which an outline is drawn."""

from __future__ import annotations

import base64
import hmac
import json
import queue
import secrets
import sys
import threading
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aoi.places.area import Area
from aoi.places.drawing._outline import outline_of
from aoi.places.drawing._picture import Picture
from imagery.errors import InputError

MOST_BYTES = 1_000_000
_LOOPBACK = "127.0.0.1"


def ask(picture: Picture, *, tell: Callable[[str], None]) -> Area:
    """Serve the page until an outline is saved on it.

    Parameters
    ----------
    picture
        What is drawn on.
    tell
        Called once with the page's address, which holds a random token.

    Returns
    -------
    Area

    Notes
    -----
    Only requests with the token in their path and this server in their ``Host`` are answered, and
    only those of the page's own ``Origin`` may save: another page in the same browser can do
    neither.
    """
    ends: queue.SimpleQueue[Area | BaseException] = queue.SimpleQueue()
    token = secrets.token_urlsafe(24)
    handler = partial(_Handler, picture=picture, token=token, save=ends.put)
    with _Server((_LOOPBACK, 0), handler) as server:
        server.fail = ends.put
        thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
        thread.start()
        try:
            tell(f"http://{_LOOPBACK}:{server.server_port}/{token}/")
            return _first(ends)
        finally:
            server.shutdown()


def _first(ends: queue.SimpleQueue[Area | BaseException]) -> Area:
    """The outline, or the error, that ends the serving."""
    while True:
        try:
            end = ends.get(timeout=0.5)  # in steps, so that Ctrl-C is heard on every system
        except queue.Empty:
            continue
        if isinstance(end, BaseException):
            raise end
        return end


def page(picture: Picture, nonce: str) -> str:
    """The page: one file, whose every value is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("aoi.places.drawing", "templates"),
        autoescape=True,  # the template's name ends in .j2, which select_autoescape wouldn't know
        undefined=StrictUndefined,
    )
    rows, cols = picture.geobox.shape
    return environment.get_template("page.html.j2").render(
        name=picture.name,
        rows=rows,
        cols=cols,
        pixel_m=picture.pixel_m,
        picture="data:image/png;base64," + base64.b64encode(picture.png).decode("ascii"),
        nonce=nonce,
    )


class _Server(ThreadingHTTPServer):
    """Lets no error of a handler's thread get lost, or print itself."""

    fail: Callable[[BaseException], None]

    def handle_error(self, request: object, client_address: object) -> None:
        error = sys.exception()
        # A browser that hangs up is none of ours.
        if error is not None and not isinstance(error, (ConnectionError, TimeoutError)):
            self.fail(error)


class _Handler(BaseHTTPRequestHandler):
    """Answers the two requests that there are: the page, and an outline."""

    timeout = 20
    server_version = "twopass"
    sys_version = ""

    def __init__(
        self, *arguments: Any, picture: Picture, token: str, save: Callable[[Area], None]
    ) -> None:
        self._picture, self._token, self._save = picture, token, save
        super().__init__(*arguments)

    def do_GET(self) -> None:
        if not self._is_ours("") or not self._is_from_here(needed=False):
            return
        nonce = secrets.token_urlsafe(16)
        self._answer(HTTPStatus.OK, page(self._picture, nonce), "text/html", nonce=nonce)

    def do_POST(self) -> None:
        if not self._is_ours("outline") or not self._is_from_here(needed=True):
            return
        if self.headers.get_content_type() != "application/json":
            self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "an outline is sent as JSON")
            return
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and int(length) <= MOST_BYTES):
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too much for an outline")
            return
        try:
            content = json.loads(self.rfile.read(int(length)))
            corners = content.get("corners") if isinstance(content, dict) else None
            area = outline_of(corners, self._picture)
        except (ValueError, RecursionError) as error:
            said = error if isinstance(error, InputError) else "not JSON"
            self._refuse(HTTPStatus.UNPROCESSABLE_ENTITY, str(said))
            return
        told = json.dumps({"area_m2": round(area.area_m2, 1)})
        self._answer(HTTPStatus.OK, told, "application/json")
        self._save(area)

    def log_message(self, *_: Any) -> None:
        """Nothing: what the page does is the user's own."""

    def _is_ours(self, name: str) -> bool:
        expected, asked = f"/{self._token}/{name}", self.path
        if hmac.compare_digest(asked.encode("utf-8", "replace"), expected.encode("ascii")):
            return True
        self._refuse(HTTPStatus.FORBIDDEN, "not the address that twopass printed")
        return False

    def _is_from_here(self, *, needed: bool) -> bool:
        host = f"{_LOOPBACK}:{self.server.server_port}"  # type: ignore[attr-defined]
        origin = self.headers.get("Origin")
        if self.headers.get("Host") == host and (
            origin == f"http://{host}" or (origin is None and not needed)
        ):
            return True
        self._refuse(HTTPStatus.FORBIDDEN, "not asked by the page of twopass")
        return False

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        self.close_connection = True
        self._answer(status, json.dumps({"message": message}), "application/json")

    def _answer(self, status: HTTPStatus, text: str, kind: str, *, nonce: str = "") -> None:
        body = text.encode("utf-8")
        self.send_response(status)
        policy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        if nonce:
            policy += f"; img-src data:; connect-src 'self'; style-src 'nonce-{nonce}'"
            policy += f"; script-src 'nonce-{nonce}'"
        for name, value in (
            ("Content-Type", f"{kind}; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Content-Security-Policy", policy),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
