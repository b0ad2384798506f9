"""Servers on the loopback for the tests of finding: a STAC API, and files that break in ways."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Files:
    """Serves a folder over HTTP, by range requests too, and fails as it is told.

    ``faults`` names, by file, what the next requests get: ``429``, ``500`` (statuses), ``"cut"``
    (half the answer, then silence), ``"whole"`` (all of it, whatever range is asked for).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults: dict[str, list[Any]] = {}
        self.always: dict[str, Any] = {}
        self.sent: dict[str, int] = {}
        self.asked: list[tuple[str, str]] = []
        files = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def do_HEAD(self) -> None:
                self._answer(body=False)

            def do_GET(self) -> None:
                self._answer(body=True)

            def _answer(self, *, body: bool) -> None:
                files.answer(self, body=body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request: Any, *, body: bool) -> None:
        name = request.path.partition("?")[0].lstrip("/")
        self.asked.append((request.command, request.path))
        path = self.folder / name
        queue = self.faults.get(name, [])
        fault = queue.pop(0) if queue and body else self.always.get(name)
        if isinstance(fault, int):
            self._send(request, fault, b"no", {}, body=body)
            return
        if not path.is_file():
            self._send(request, 404, b"not here", {}, body=body)
            return
        content = path.read_bytes()
        wanted = re.match(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
        headers = {} if fault == "whole" else {"Accept-Ranges": "bytes"}
        status = 200
        if wanted and fault != "whole":
            first = int(wanted[1])
            last = min(int(wanted[2] or len(content) - 1), len(content) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
            content, status = content[first : last + 1], 206
        if body:
            self.sent[name] = self.sent.get(name, 0) + len(content)
        self._send(request, status, content, headers, body=body, cut=fault == "cut")

    @staticmethod
    def _send(
        request: Any,
        status: int,
        content: bytes,
        headers: dict[str, str],
        *,
        body: bool,
        cut: bool = False,
    ) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            if body:
                request.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            request.close_connection = True
            request.wfile.flush()
            request.connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def stac_app(parquet: Path) -> Any:
    """A STAC API by stac-fastapi over a stac-geoparquet file, in pages."""
    import pyarrow.parquet as pq
    from fastapi import FastAPI
    from stac_fastapi.api.app import StacApi
    from stac_fastapi.api.models import create_get_request_model, create_post_request_model
    from stac_fastapi.extensions.pagination import TokenPaginationExtension
    from stac_fastapi.types.config import ApiSettings
    from stac_fastapi.types.core import BaseCoreClient
    from stac_geoparquet.arrow import stac_table_to_items

    items = [json.loads(json.dumps(i, default=str)) for i in
             stac_table_to_items(pq.read_table(parquet))]  # fmt: skip

    class Client(BaseCoreClient):
        def _collection(self, name: str) -> Any:
            extent = {"spatial": {"bbox": [[-180, -90, 180, 90]]},
                      "temporal": {"interval": [[None, None]]}}  # fmt: skip
            return {"type": "Collection", "id": name, "stac_version": "1.0.0", "links": [],
                    "description": name, "license": "other", "extent": extent}  # fmt: skip

        def all_collections(self, **_: Any) -> Any:
            names = sorted({item["collection"] for item in items})
            return {"collections": [self._collection(n) for n in names], "links": []}

        def get_collection(self, collection_id: str, **_: Any) -> Any:
            return self._collection(collection_id)

        def get_item(self, item_id: str, collection_id: str, **_: Any) -> Any:
            return next(i for i in items if i["id"] == item_id)

        def item_collection(self, collection_id: str, **kwargs: Any) -> Any:
            return self.get_search(collections=[collection_id], **kwargs)

        def post_search(self, search_request: Any, **kwargs: Any) -> Any:
            raise NotImplementedError

        def get_search(
            self,
            collections: Any = None,
            ids: Any = None,
            bbox: Any = None,
            datetime: Any = None,
            limit: Any = 10,
            token: str | None = None,
            **kwargs: Any,
        ) -> Any:
            first = int(token or 0)
            found = [i for i in items if _meets(i, collections, bbox, datetime)]
            # The last item of a page comes again as the first of the next, as with APIs whose
            # catalogue grows meanwhile.
            step = max(1, min(int(limit or 10), 2))
            page = found[max(0, first - 1) : first + step]
            request = kwargs["request"]
            links = []
            if first + step < len(found):
                query = request.url.include_query_params(token=str(first + step))
                links = [{"rel": "next", "href": str(query), "type": "application/geo+json"}]
            return {"type": "FeatureCollection", "features": page, "links": links}

    paging = TokenPaginationExtension()
    settings = ApiSettings(enable_response_models=False)
    return StacApi(
        settings=settings,
        client=Client(),
        app=FastAPI(),
        extensions=[paging],
        search_get_request_model=create_get_request_model([paging]),
        search_post_request_model=create_post_request_model([paging]),
    ).app


def _meets(item: dict[str, Any], collections: Any, bbox: Any, when: Any) -> bool:
    if collections and item["collection"] not in collections:
        return False
    if bbox:
        west, south, east, north = (float(side) for side in bbox)
        box = item["bbox"]
        if box[0] > east or box[2] < west or box[1] > north or box[3] < south:
            return False
    if when:
        first, last = (str(part)[:19].replace(" ", "T") for part in _ends(when))
        if not first <= item["properties"]["datetime"][:19] <= last:
            return False
    return True


def _ends(when: Any) -> Any:
    return when.split("/") if isinstance(when, str) else when


@contextlib.contextmanager
def serving(app: Any) -> Iterator[str]:
    """Run an app under uvicorn on a free port of the loopback; gives its address."""
    import uvicorn

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="critical", lifespan="off",
                            ws="none")  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(200):
        if server.started:
            break
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


# A catalogue of two passes


BEFORE, AFTER = "2024-06-03T02:21:19Z", "2024-06-13T02:21:24Z"
SIDE_M = 320


def write_cog(
    path: Path, array: Any, *, pixel: float = 1.0, corner: Any = None, mask: Any = None, **told: Any
) -> Path:
    """An array, of shape (band, row, col), as a cloud-optimised GeoTIFF in EPSG:32651."""
    import rasterio
    import rasterio.shutil
    from affine import Affine

    x, y = corner or (500_000, 4_320_000)
    raw = path.with_suffix(".raw.tif")
    options = {"nodata": 0, **told}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK="YES"), rasterio.open(
        raw, "w", driver="GTiff", count=array.shape[0], height=array.shape[1],
        width=array.shape[2], dtype=array.dtype, crs="EPSG:32651", tiled=True, blockxsize=128,
        blockysize=128, transform=Affine(pixel, 0, x, 0, -pixel, y), **options,
    ) as target:  # fmt: skip
        target.write(array)
        if mask is not None:
            target.write_mask(mask)
    rasterio.shutil.copy(str(raw), str(path), driver="COG", compress="DEFLATE", blocksize=128,
                         overviews="NONE")  # fmt: skip
    raw.unlink()
    return path


def item_of(
    name: str,
    when: str,
    assets: dict[str, Any],
    *,
    box: tuple[float, float, float, float] = (122.999, 39.024, 123.006, 39.029),
    collection: str = "sentinel-2-l2a",
    **properties: Any,
) -> dict[str, Any]:
    """A STAC item in the shape of Earth Search's."""
    west, south, east, north = box
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": ["https://stac-extensions.github.io/eo/v1.1.0/schema.json"],
        "id": name,
        "collection": collection,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": list(box),
        "properties": {
            "datetime": when,
            "platform": "sentinel-2a",
            "constellation": "sentinel-2",
            "instruments": ["msi"],
            "gsd": 10.0,
            "eo:cloud_cover": 12.5,
            "view:sun_azimuth": 143.2,
            "view:sun_elevation": 68.4,
            "sat:relative_orbit": 89,
            "processing:level": "L2A",
            **properties,
        },
        "links": [],
        "assets": assets,
    }


def band_asset(href: str, name: str, **told: Any) -> dict[str, Any]:
    """An asset of one band, as Earth Search describes it."""
    return {
        "href": href,
        "type": "image/tiff; application=geotiff; profile=cloud-optimized",
        "roles": ["data", "reflectance"],
        "eo:bands": [{"name": name, "common_name": name}],
        "raster:bands": [{"nodata": 0, "data_type": "uint16", "scale": 0.0001, "offset": -0.1}],
        **told,
    }


def write_parquet(path: Path, items: list[dict[str, Any]]) -> Path:
    """Items as stac-geoparquet, by the library that defines it."""
    from stac_geoparquet.arrow import parse_stac_items_to_arrow, to_parquet

    to_parquet(parse_stac_items_to_arrow(items).read_all(), path)
    return path
