"""Drawing on a page: asked by its own page alone, an outline lies where its corners were."""

from __future__ import annotations

import http.client
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from queue import Queue
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from PIL import Image

from aoi.cli import main
from aoi.places import Area, load_area, own
from aoi.places.drawing import Picture, ask, outline_of, picture_of
from imagery.errors import InputError, MissingInputError

UTM = Affine(10, 0, 500_000, 0, -10, 4_320_000)
TRIANGLE = [[10, 10], [60, 10], [60, 50]]


def a_picture(name: str = "after.tif", crs: str = "EPSG:32651") -> Picture:
    step = Affine(1e-4, 0, 125, 0, -1e-4, 39) if crs == "EPSG:4326" else UTM
    stream = io.BytesIO()
    Image.new("RGBA", (80, 60), (10, 20, 30, 255)).save(stream, "PNG")
    geobox = GeoBox((60, 80), step, crs)
    return Picture(name=name, png=stream.getvalue(), geobox=geobox, pixel_m=10)


class TestPicture:
    def test_it_shows_the_image(self, write_tif: Callable[..., Path]) -> None:
        rows, cols = np.mgrid[:60, :80]
        bands = np.stack([rows * 4, cols * 3, rows + cols]).astype(np.uint16)
        path = write_tif(bands, descriptions=("blue", "green", "red"))
        picture = picture_of(path, crs=None)
        assert picture.name == "image.tif"
        assert picture.geobox == GeoBox((60, 80), UTM, "EPSG:32651")
        assert picture.pixel_m == pytest.approx(10, rel=1e-3)
        shown = np.asarray(Image.open(io.BytesIO(picture.png)))
        assert shown.shape == (60, 80, 4)
        assert (shown[..., 3] == 255).all()
        red, blue = shown[..., 0].astype(int), shown[..., 2].astype(int)
        assert (np.diff(blue[:, 40]) >= 0).all()  # the first band is blue, and grows downwards
        assert (np.diff(blue[30]) == 0).all()
        assert (np.diff(red[30]) >= 0).all()

    def test_a_large_one_is_made_small_and_stays_in_its_place(
        self, write_tif: Callable[..., Path]
    ) -> None:
        path = write_tif(np.ones((1, 4010, 1203), np.uint8))
        picture = picture_of(path, crs=None)
        rows, cols = picture.geobox.shape
        assert (rows, cols) == (1337, 401)
        assert picture.geobox.affine * (400, 1336) == pytest.approx(UTM * (1200, 4008))
        assert picture.pixel_m == pytest.approx(30, rel=1e-3)

    def test_missing_pixels_are_transparent(self, write_tif: Callable[..., Path]) -> None:
        array = np.full((1, 60, 80), 7.0, np.float32)
        array[0, :, :40] = -9999
        array[0, 0, 79] = np.nan
        picture = picture_of(write_tif(array, nodata=-9999), crs=None)
        alpha = np.asarray(Image.open(io.BytesIO(picture.png)))[..., 3]
        assert (alpha[1:, :40] == 0).all()
        assert (alpha[1:, 40:] == 255).all()
        assert alpha[0, 79] == 0

    def test_one_of_nothing(self, write_tif: Callable[..., Path]) -> None:
        picture = picture_of(write_tif(np.zeros((1, 9, 9), np.uint8), nodata=0), crs=None)
        assert (np.asarray(Image.open(io.BytesIO(picture.png))) == 0).all()

    def test_an_image_off_the_earth_is_refused(self, write_tif: Callable[..., Path]) -> None:
        path = write_tif(np.ones((1, 9, 9), np.uint8), crs=None)
        with pytest.raises(InputError, match=r"image\.tif: has no CRS"):
            picture_of(path, crs=None)
        assert picture_of(path, crs="EPSG:32651").geobox.crs == "EPSG:32651"
        with pytest.raises(MissingInputError):
            picture_of(path.with_name("none.tif"), crs=None)


class TestOutline:
    @pytest.mark.parametrize("crs", ["EPSG:32651", "EPSG:4326"])
    def test_it_lies_where_its_corners_were(self, crs: str) -> None:
        picture = a_picture(crs=crs)
        area = outline_of(TRIANGLE, picture)
        back = shapely.transform(area.geometry, lambda xy: xy)
        if crs != "EPSG:4326":
            move = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform
            back = shapely.transform(back, move, interleaved=False)
            scale = pyproj.Proj(crs).get_factors(*area.centre).areal_scale
            assert area.area_m2 == pytest.approx(50 * 40 / 2 * 100 / scale, rel=5e-4)
        inverse = ~picture.geobox.affine
        pixels = shapely.transform(back, lambda xy: np.array([inverse * tuple(p) for p in xy]))
        assert shapely.hausdorff_distance(pixels, shapely.Polygon(TRIANGLE)) < 0.1
        assert area.geometry.exterior.is_ccw
        assert area.source == "drawn on after.tif"

    def test_it_has_no_more_digits_than_it_deserves(self) -> None:
        area = outline_of(TRIANGLE, a_picture())
        for number in shapely.get_coordinates(area.geometry).ravel().tolist():
            assert len(repr(number).partition(".")[2]) <= 6

    @pytest.mark.parametrize(
        ("corners", "message"),
        [
            (None, "no list"),
            ({}, "no list"),
            ([], "0 corners"),
            (TRIANGLE[:2], "2 corners"),
            ([[0, 0]] * 10_001, "10001 corners"),
            ([*TRIANGLE, [81, 0]], "outside the picture"),
            ([*TRIANGLE, [-1, 0]], "outside the picture"),
            ([*TRIANGLE, [float("nan"), 0]], "outside the picture"),
            ([*TRIANGLE, ["1", 0]], "outside the picture"),
            ([*TRIANGLE, [True, 0]], "outside the picture"),
            ([*TRIANGLE, [1, 2, 3]], "outside the picture"),
            ([[0, 0], [9, 9], [9, 0], [0, 9]], "Self-intersection"),
            ([[0, 0], [9, 9], [18, 18]], "."),
        ],
    )
    def test_corners_that_are_none(self, corners: object, message: str) -> None:
        with pytest.raises(InputError, match=f"corners are no outline.*{message}"):
            outline_of(corners, a_picture())


@dataclass
class Served:
    """A page that waits for an outline."""

    address: str
    found: Queue[Area]

    @property
    def host(self) -> str:
        return self.address.split("/")[2]

    @property
    def path(self) -> str:
        return "/" + self.address.split("/", 3)[3]

    def ask(
        self, method: str, path: str, body: object = None, **headers: str | None
    ) -> tuple[int, dict[str, str], str]:
        sent: dict[str, str | None] = {"Host": self.host}
        if method == "POST":
            sent |= {"Origin": f"http://{self.host}", "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = (
            b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        )
        sent.setdefault("Content-Length", str(len(data)))
        connection = http.client.HTTPConnection(self.host, timeout=10)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in sent.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders(data)
        answer = connection.getresponse()
        text = answer.read().decode("utf-8")
        connection.close()
        return answer.status, dict(answer.getheaders()), text


@pytest.fixture
def served() -> Iterator[Served]:
    addresses: Queue[str] = Queue()
    found: Queue[Area] = Queue()
    picture = a_picture('<img src=x onerror="alert(1)">&.tif')
    thread = threading.Thread(
        target=lambda: found.put(ask(picture, tell=addresses.put)), daemon=True
    )
    thread.start()
    page = Served(addresses.get(timeout=10), found)
    yield page
    if thread.is_alive():
        page.ask("POST", page.path + "outline", {"corners": TRIANGLE})
    thread.join(10)
    assert not thread.is_alive()


class Tags(HTMLParser):
    """Every tag of a page with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


class TestPage:
    def test_it_is_whole_and_asks_nobody_else(self, served: Served) -> None:
        status, headers, text = served.ask("GET", served.path)
        assert status == 200
        assert headers["Content-Type"] == "text/html; charset=utf-8"
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "connect-src 'self'" in policy
        assert "unsafe" not in policy
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        tags = Tags(text).found
        kinds = [tag for tag, _ in tags]
        assert kinds.count("img") == kinds.count("script") == kinds.count("style") == 1
        (picture,) = [attributes for tag, attributes in tags if tag == "img"]
        assert str(picture["src"]).startswith("data:image/png;base64,")
        assert (picture["width"], picture["height"]) == ("80", "60")
        nonce = re.findall(r"script-src 'nonce-([\w-]+)'", policy)
        assert [a["nonce"] for tag, a in tags if tag in ("script", "style")] == nonce * 2
        links = re.findall(r"https?://[^\s\"']+", text)
        assert set(links) <= {"http://www.w3.org/2000/svg"}

    def test_what_a_file_is_called_runs_nothing(self, served: Served) -> None:
        text = served.ask("GET", served.path)[2]
        assert "onerror=" in text
        assert "<img src=x" not in text
        assert [a for _, a in Tags(text).found if "onerror" in a] == []

    def test_a_nonce_is_used_once(self, served: Served) -> None:
        found = {served.ask("GET", served.path)[1]["Content-Security-Policy"] for _ in range(3)}
        assert len(found) == 3

    def test_it_listens_on_this_machine_alone(self, served: Served) -> None:
        assert served.address.startswith("http://127.0.0.1:")
        assert len(served.path) > 30

    def test_an_outline_ends_it(self, served: Served) -> None:
        status, _, text = served.ask("POST", served.path + "outline", {"corners": TRIANGLE})
        area = served.found.get(timeout=10)
        assert (status, json.loads(text)["area_m2"]) == (200, round(area.area_m2, 1))
        assert area.geometry.equals(outline_of(TRIANGLE, a_picture()).geometry)


def test_a_defect_ends_it_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Area:
        raise RuntimeError("a defect")

    monkeypatch.setattr("aoi.places.drawing._server.outline_of", broken)

    def draw(address: str) -> None:
        page = Served(address, Queue())
        with pytest.raises(http.client.RemoteDisconnected):
            page.ask("POST", page.path + "outline", {"corners": TRIANGLE})

    with pytest.raises(RuntimeError, match="a defect"):
        ask(a_picture(), tell=draw)


class TestRefused:
    @pytest.mark.parametrize(
        ("method", "path", "headers"),
        [
            ("GET", "/", {}),
            ("GET", "/wrong-token/", {}),
            ("GET", "{path}outline", {}),
            ("GET", "{path}../", {}),
            ("GET", "{path}?x=1", {}),
            ("GET", "{path}", {"Host": "evil.invalid"}),
            ("GET", "{path}", {"Host": "localhost:1"}),
            ("GET", "{path}", {"Host": None}),
            ("GET", "{path}", {"Origin": "https://evil.invalid"}),
            ("POST", "/outline", {}),
            ("POST", "/wrong-token/outline", {}),
            ("POST", "{path}", {}),
            ("POST", "{path}outline", {"Origin": "https://evil.invalid"}),
            ("POST", "{path}outline", {"Origin": "null"}),
            ("POST", "{path}outline", {"Origin": None}),
            ("POST", "{path}outline", {"Host": "evil.invalid"}),
            ("POST", "{path}outline", {"Host": "evil.invalid", "Origin": "http://evil.invalid"}),
        ],
    )
    def test_another_page_is_forbidden(
        self, served: Served, method: str, path: str, headers: dict[str, str | None]
    ) -> None:
        body = {"corners": TRIANGLE} if method == "POST" else None
        status, _, text = served.ask(method, path.format(path=served.path), body, **headers)
        assert status == 403
        assert "png" not in text
        assert served.path not in text
        assert served.found.empty()

    @pytest.mark.parametrize(
        ("body", "headers", "status", "message"),
        [
            (b"{", {}, 422, "not JSON"),
            (b"[" * 100_000, {}, 422, "not JSON"),
            (b"\xff", {}, 422, "not JSON"),
            (b"[]", {}, 422, "no list"),
            (b'{"corners": 3}', {}, 422, "no list"),
            (b'{"corners": [[0,0],[9,9],[9,0],[0,9]]}', {}, 422, "cross itself"),
            (b"{}", {"Content_Type": "text/plain"}, 415, "JSON"),
            (b"{}", {"Content_Type": "application/x-www-form-urlencoded"}, 415, "JSON"),
            (b"", {"Content_Length": "1000001"}, 413, "too much"),
            (b"", {"Content_Length": "-1"}, 413, "too much"),
            (b"", {"Content_Length": "x"}, 413, "too much"),
        ],
    )
    def test_what_is_no_outline_is_told(
        self, served: Served, body: bytes, headers: dict[str, str], status: int, message: str
    ) -> None:
        found, _, text = served.ask("POST", served.path + "outline", body, **headers)
        assert found == status
        assert message in json.loads(text)["message"]
        assert served.found.empty()

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "HEAD"])
    def test_nothing_else_is_answered(self, served: Served, method: str) -> None:
        assert served.ask(method, served.path)[0] == 501


class TestCommand:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(own.FOLDER, str(tmp_path / "own"))

    def run(self, image: Path, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "aoi", "aoi", "draw", str(image), *words]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
        )

    def test_it_is_drawn_and_kept(self, tmp_path: Path, write_tif: Callable[..., Path]) -> None:
        image, out = write_tif(np.ones((1, 60, 80), np.uint8)), tmp_path / "court.geojson"
        running = self.run(image, "--out", str(out), "--name", "My Court", "--json")
        assert running.stderr is not None
        address = re.findall(r"http://\S+", running.stderr.readline())[0]
        page = Served(address, Queue())
        assert page.ask("POST", page.path + "outline", {"corners": TRIANGLE})[0] == 200
        text = running.communicate(timeout=30)[0]
        told: dict[str, Any] = json.loads(text)
        assert running.returncode == 0
        assert (told["file"], told["place"]) == ("court.geojson", "my-court")
        drawn = load_area(str(out))
        assert drawn.area_m2 == pytest.approx(told["area_m2"], abs=0.1)
        assert load_area("my-court").geometry.equals(drawn.geometry)
        assert str(tmp_path) not in out.read_text()

    @pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to one process there")
    def test_ctrl_c_ends_it(self, tmp_path: Path, write_tif: Callable[..., Path]) -> None:
        image, out = write_tif(np.ones((1, 60, 80), np.uint8)), tmp_path / "court.geojson"
        running = self.run(image, "--out", str(out))
        assert running.stderr is not None
        assert "http://127.0.0.1:" in running.stderr.readline()
        running.send_signal(signal.SIGINT)
        errors = running.communicate(timeout=30)[1]
        assert running.returncode == 130
        assert "Traceback" not in errors
        assert not out.exists()

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ([], "nothing says where the outline goes"),
            (["--out", "there.geojson"], "is there already"),
            (["--name", "Juche Tower"], "the name of juche-tower"),
        ],
    )
    def test_nobody_draws_for_nothing(
        self,
        words: list[str],
        message: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("there.geojson").write_text("mine")
        assert main(["aoi", "draw", "none.tif", *words]) == 2
        assert message in capsys.readouterr().err
        assert Path("there.geojson").read_text() == "mine"
