"""Descriptions against analytic truth, on grids of three CRS and of none."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import math
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.features import rasterize, shapes

from aoi.changes import describe, describe_regions
from aoi.changes.schema import CLOUD, EDGE, FLAGS, columns
from aoi.places import Area, area_from_overlap, load_area
from imagery.blocks import Window
from imagery.decision import rank_bounds
from imagery.evidence import Evidence, Verdict
from imagery.record import StepRecord
from imagery.regions import Regions
from imagery.scene import Acquisition

UNTESTED = tuple(flag for flag in FLAGS if flag != EDGE)
GEOD = pyproj.Geod(ellps="WGS84")
LON, LAT = 125.75247, 39.01953


def grid_in(crs: str | None, *, pixel: float = 0.5, shape: tuple[int, int] = (240, 300)) -> GeoBox:
    """A grid around the square, of about so many ground metres a pixel."""
    step, x, y = pixel, 0.0, 0.0
    if crs is not None:
        x, y = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(LON, LAT)
    if crs == "EPSG:4326":
        step = pixel / 111_000
    if crs == "EPSG:3857":
        step = pixel / math.cos(math.radians(LAT))
    rows, cols = shape
    left, top = x - step * cols / 2, y + step * rows / 2
    return GeoBox(shape, Affine(step, 0, left, 0, -step, top), crs)


def then(outer: Affine, inner: Affine) -> Affine:
    """The product of two, written so in every version of affine."""
    product = np.array(outer).reshape(3, 3) @ np.array(inner).reshape(3, 3)
    return Affine(*product.ravel()[:6].tolist())


def lonlat(geobox: GeoBox) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(geobox.crs.proj, "EPSG:4326", always_xy=True)


def pixel_of(geobox: GeoBox) -> float:
    """Side of a pixel in ground metres, roughly."""
    step = abs(geobox.affine.determinant) ** 0.5
    scale = {"EPSG:4326": 111_000.0, "EPSG:3857": math.cos(math.radians(LAT))}
    return step * scale.get(str(geobox.crs), 1.0)


def regions_of(ids: NDArray[np.int32], geobox: GeoBox) -> gpd.GeoDataFrame:
    pieces: dict[int, list[object]] = {}
    for shape, region in shapes(ids, mask=ids > 0, transform=geobox.affine):
        pieces.setdefault(int(region), []).append(shapely.geometry.shape(shape))
    return gpd.GeoDataFrame(
        index=pd.Index(sorted(pieces), name="region"),
        geometry=[shapely.union_all(pieces[region]) for region in sorted(pieces)],
        crs=geobox.crs.to_wkt() if geobox.crs is not None else None,
    )


def table_of(ids: NDArray[np.int32], **columns: object) -> pd.DataFrame:
    index = pd.Index(np.unique(ids[ids > 0]), name="region")
    frame = pd.DataFrame(
        {"strength": 5.0, "signed_mean": 2.0, "brighter_share": 1.0, "at_edge": False},
        index=index,
    )
    return frame.assign(**columns)


def described(
    ids: NDArray[np.int32], geobox: GeoBox, *, area: Area | None = None, **options: object
) -> gpd.GeoDataFrame:
    table = options.pop("table", None)
    return describe_regions(
        regions_of(ids, geobox),
        geobox=geobox,
        pixel_size_m=pixel_of(geobox),
        table=table_of(ids) if table is None else table,
        area=area or area_from_overlap(geobox),
        **options,  # type: ignore[arg-type]
    )


def ring(length: float, width: float, *, wall: float, angle: float) -> shapely.Polygon:
    """A walled rectangle in metres, its long side turned clockwise from north."""
    outer = shapely.box(-width / 2, -length / 2, width / 2, length / 2)
    inner = outer.buffer(-wall, join_style="mitre")
    return shapely.affinity.rotate(outer - inner, -angle, origin=(0, 0))


def drawn(
    shape: shapely.Geometry, geobox: GeoBox, *, lon: float = LON, lat: float = LAT, value: int = 1
) -> NDArray[np.int32]:
    """A shape in metres east and north of a point, as pixels whose centre lies inside."""
    xy = shapely.get_coordinates(shapely.segmentize(shape, 0.5))
    azimuth = np.degrees(np.arctan2(xy[:, 0], xy[:, 1]))
    count = np.ones(len(xy))
    degrees = GEOD.fwd(lon * count, lat * count, azimuth, np.hypot(xy[:, 0], xy[:, 1]))[:2]
    world = np.column_stack(lonlat(geobox).transform(*degrees, direction="INVERSE"))
    turned = shapely.set_coordinates(shapely.segmentize(shape, 0.5), world)
    return rasterize(
        [(turned, value)], out_shape=geobox.shape, transform=geobox.affine, dtype="int32"
    )


CRS = ["EPSG:32651", "EPSG:4326", "EPSG:3857"]


class TestShape:
    @pytest.mark.parametrize("crs", CRS)
    @pytest.mark.parametrize("angle", [0, 20, 90, 110])
    def test_a_walled_rectangle(self, crs: str, angle: float) -> None:
        geobox = grid_in(crs)
        truth = ring(34, 22, wall=2, angle=angle)
        frame = described(drawn(truth, geobox), geobox)
        assert len(frame) == 1
        row = frame.iloc[0]
        # Pixels reach over the true outline by up to a pixel on either side.
        assert row.length_m == pytest.approx(34, abs=1.0)
        assert row.width_m == pytest.approx(22, abs=1.0)
        assert row.footprint_m2 == pytest.approx(34 * 22, rel=0.06)
        turned = (row.orientation_deg - angle + 90) % 180 - 90
        assert abs(turned) < 1.0
        assert row.area_m2 == pytest.approx(truth.area, rel=0.08)
        assert row.rectangularity == pytest.approx(row.area_m2 / row.footprint_m2)
        assert row["flags"] == ""

    def test_true_north_away_from_the_central_meridian(self) -> None:
        geobox = grid_in("EPSG:32651")
        ids = np.zeros(geobox.shape, dtype=np.int32)
        ids[60:160, 100:120] = 1
        row = described(ids, geobox).iloc[0]
        # A grid that lies 2.75 degrees east of its meridian is turned by 1.73.
        convergence = pyproj.Proj("EPSG:32651").get_factors(LON, LAT).meridian_convergence
        assert convergence == pytest.approx(1.73, abs=0.01)
        assert row.orientation_deg == pytest.approx(convergence % 180, abs=0.01)
        assert (row.length_m, row.width_m) == pytest.approx((50, 10), rel=1e-3)
        assert row.rectangularity == pytest.approx(1)

    def test_a_square_turns_one_way(self) -> None:
        geobox = grid_in(None)
        ids = np.zeros(geobox.shape, dtype=np.int32)
        ids[5:9, 5:9] = 1
        ids[50, 50] = 2
        frame = described(ids, geobox)
        assert list(frame.orientation_deg) == [0, 0]
        assert frame.loc[2].length_m == frame.loc[2].width_m == 0.5

    def test_a_hole_is_no_change(self) -> None:
        geobox = grid_in(None, pixel=2.0)
        ids = np.zeros(geobox.shape, dtype=np.int32)
        ids[10:20, 10:20] = 1
        ids[12:18, 13:17] = 0
        row = described(ids, geobox).iloc[0]
        assert row.area_m2 == 4 * (100 - 24)
        assert row.footprint_m2 == pytest.approx(400)
        assert row.rectangularity == pytest.approx(0.76)


class TestAreas:
    @pytest.mark.parametrize("crs", CRS)
    @pytest.mark.parametrize("turn", [0, 30])
    @pytest.mark.parametrize("pixel", [0.5, 10])
    def test_they_are_the_sum_of_the_pixels(self, crs: str, turn: float, pixel: float) -> None:
        geobox = grid_in(crs, pixel=pixel, shape=(40, 60))
        geobox = GeoBox(geobox.shape, then(geobox.affine, Affine.rotation(turn)), crs)
        rng = np.random.default_rng(4)
        ids = np.where(rng.random(geobox.shape) < 0.4, rng.integers(1, 9, geobox.shape), 0)
        frame = described(ids.astype(np.int32), geobox)
        rows, cols = np.nonzero(ids)
        corners = np.array([[0, 0], [0, 1], [1, 1], [1, 0]])
        x, y = cols[:, None] + corners[:, 0], rows[:, None] + corners[:, 1]
        a, b, c, d, e, f = geobox.affine[:6]
        lon, lat = lonlat(geobox).transform(a * x + b * y + c, d * x + e * y + f)
        geodesic = sum(
            abs(GEOD.polygon_area_perimeter(*pixel)[0]) for pixel in zip(lon, lat, strict=True)
        )
        # The geodesic formula measures down to the equator: on 0.25 m2 that costs its last digits.
        exact = 5e-6 if pixel < 1 else 1e-8
        assert frame.area_m2.sum() == pytest.approx(geodesic, rel=exact)
        assert frame.area_in_aoi_m2.sum() == pytest.approx(geodesic, rel=exact)
        x, y = pyproj.Proj(f"+proj=cea +lat_ts=39 +lon_0={LON} +ellps=WGS84")(lon, lat)
        y -= y.mean()
        equal_area = shapely.area(shapely.polygons(np.stack([x, y], axis=-1))).sum()
        assert frame.area_m2.sum() == pytest.approx(equal_area, rel=1e-9)

    def test_long_regions_in_degrees(self) -> None:
        # A side along a parallel is no geodesic: cut at the pixels, the sum is right all the same.
        geobox = grid_in("EPSG:4326", pixel=30, shape=(20, 1000))
        ids = np.zeros(geobox.shape, dtype=np.int32)
        ids[3:6] = 1
        half = described(ids, geobox).area_m2.sum()
        ids[3:6] = np.arange(1, 1001)
        assert described(ids, geobox).area_m2.sum() == pytest.approx(half, rel=1e-9)


class TestTheArea:
    geobox = grid_in(None, pixel=1.0, shape=(60, 80))

    def area(self, left: float, top: float, right: float, bottom: float) -> Area:
        """An area between rows and columns of the grid."""
        x, y = self.geobox.affine.c, self.geobox.affine.f
        box = shapely.box(x + left, y - bottom, x + right, y - top)
        return Area(name="a", geometry=box, source="test", georeferenced=False)

    def test_inside_crossing_and_outside(self) -> None:
        ids = np.zeros(self.geobox.shape, dtype=np.int32)
        ids[10:14, 10:14] = 1
        ids[10:14, 28:34] = 2
        ids[10:14, 50:54] = 3
        ids[10:14, 5:8] = 4  # shares a side with the area, no more
        frame = described(ids, self.geobox, area=self.area(8, 5, 30, 40))
        assert list(frame.index) == [2, 1]
        assert frame.loc[1].area_in_aoi_m2 == frame.loc[1].area_m2 == 16
        assert frame.loc[2].area_m2 == 24
        assert frame.loc[2].area_in_aoi_m2 == pytest.approx(8)
        assert frame["flags"].to_dict() == {1: "", 2: "EDGE"}

    def test_the_border_of_the_grid_and_of_what_was_seen(self) -> None:
        ids = np.zeros(self.geobox.shape, dtype=np.int32)
        ids[0:4, 10:14] = 1
        ids[20:24, 76:80] = 2
        ids[20:24, 20:24] = 3
        ids[40:44, 40:44] = 4
        table = table_of(ids, at_edge=[False, False, True, False])
        frame = described(ids, self.geobox, table=table)
        assert frame["flags"].sort_index().tolist() == ["EDGE", "EDGE", "EDGE", ""]
        assert set(frame.untested) == {",".join(UNTESTED)}
        assert set(frame["kind"]) == {None}

    def test_clouds(self) -> None:
        ids = np.zeros(self.geobox.shape, dtype=np.int32)
        ids[0:4, 10:14], ids[20:24, 20:24], ids[40:44, 40:44] = 1, 2, 3
        frame = described(ids, self.geobox, cloudy={1, 2})
        assert frame["flags"].sort_index().tolist() == ["CLOUD,EDGE", "CLOUD", ""]
        assert frame["reasons"].sort_index().tolist() == [
            "CLOUD: It lies at a cloud or its shadow, masked or suspected. "
            "EDGE: It crosses the area's border, or lies at what was not seen.",
            "CLOUD: It lies at a cloud or its shadow, masked or suspected.",
            "",
        ]
        untested = ",".join(flag for flag in UNTESTED if flag != CLOUD)
        assert set(frame.untested) == {untested}
        nowhere = described(ids, self.geobox, cloudy=())
        assert nowhere["flags"].sort_index().tolist() == ["EDGE", "", ""]
        assert set(nowhere.untested) == {untested}

    def test_evidence(self) -> None:
        ids = np.zeros(self.geobox.shape, dtype=np.int32)
        ids[0:4, 10:14], ids[20:24, 20:24] = 1, 2
        flagged, clear = Verdict("flagged", "May be one."), Verdict("clear", "None.")
        evidence = Evidence(
            kinds=("appeared", "surface"),
            kind_reasons=("Seen.", "No outline."),
            verdicts=(
                {"SHADOW": flagged, "SNOW": Verdict("untested", "No band."), "ALIGNMENT": flagged},
                {"SHADOW": clear, "SNOW": Verdict("untested", "No band."), "ALIGNMENT": clear},
            ),
        )
        frame = described(ids, self.geobox, evidence=evidence, cloudy={2}).sort_index()
        assert frame["kind"].tolist() == ["appeared", "surface"]
        assert frame["flags"].tolist() == ["SHADOW,EDGE,ALIGNMENT", "CLOUD"]
        assert frame["untested"].tolist() == ["SNOW", "SNOW"]
        assert frame["reasons"].iloc[0].startswith("Seen. SHADOW: May be one. ALIGNMENT: May be ")
        assert set(described(ids, self.geobox, evidence=evidence).untested) == {"CLOUD,SNOW"}
        assert evidence.record.numbers["tests"]["SNOW"] == {
            "flagged": 0, "clear": 0, "untested": 2, "why_untested": "No band.",
        }  # fmt: skip

    def test_smaller_than_a_pixel(self) -> None:
        ids = np.zeros(self.geobox.shape, dtype=np.int32)
        ids[10:14, 10:14] = 1
        row = described(ids, self.geobox, area=self.area(11.2, 11.2, 11.6, 11.6)).iloc[0]
        assert row.area_in_aoi_m2 == pytest.approx(0.16)
        assert row["flags"] == "EDGE"

    def test_nothing_is_left(self) -> None:
        ids = np.zeros(self.geobox.shape, dtype=np.int32)
        ids[10:14, 10:14] = 1
        frame = described(ids, self.geobox, area=self.area(50, 20, 60, 30))
        assert len(frame) == 0
        assert list(frame.columns[:-1]) == [c.name for c in columns(georeferenced=False)]


class TestSites:
    geobox = grid_in("EPSG:32651")

    def bars(self, gap: float) -> NDArray[np.int32]:
        """Four walls of a court of 34 x 22 m whose ends lie so far apart."""
        walls = [
            shapely.box(-17 + gap, 10, 17 - gap, 11),
            shapely.box(-17 + gap, -11, 17 - gap, -10),
            shapely.box(-17, -11, -16, 11),
            shapely.box(16, -11, 17, 11),
        ]
        turned = [shapely.affinity.rotate(wall, 20, origin=(0, 0)) for wall in walls]
        return np.sum(
            [drawn(w, self.geobox, value=n) for n, w in enumerate(turned, 1)], axis=0
        ).astype(np.int32)

    def test_four_bars_are_one_site(self) -> None:
        frame = described(self.bars(4), self.geobox)
        assert len(frame) == 4
        assert set(frame.site) == {1}

    def test_further_apart_they_are_four(self) -> None:
        assert described(self.bars(8), self.geobox).site.nunique() == 4
        assert described(self.bars(8), self.geobox, site_gap_m=8).site.nunique() == 1

    def test_two_rectangles_15_m_apart_are_two(self) -> None:
        ids = drawn(shapely.box(-25, -5, -7.5, 5), self.geobox, value=1)
        ids += drawn(shapely.box(7.5, -5, 25, 5), self.geobox, value=2)
        frame = described(ids, self.geobox)
        assert sorted(frame.site) == [1, 2]

    def test_what_stands_inside_belongs_to_the_wall(self) -> None:
        ids = drawn(ring(34, 22, wall=1, angle=20), self.geobox, value=1)
        ids += drawn(shapely.box(-1, -1, 1, 1), self.geobox, value=2)
        assert set(described(ids, self.geobox).site) == {1}

    def test_but_not_to_a_road_around(self) -> None:
        geobox = grid_in("EPSG:32651", pixel=2.0)
        ids = drawn(ring(180, 160, wall=4, angle=0), geobox, value=1)
        ids += drawn(shapely.box(-4, -4, 4, 4), geobox, value=2)
        assert described(ids, geobox).site.nunique() == 2

    def test_two_halves_of_a_wall_join(self) -> None:
        ids = drawn(ring(34, 22, wall=1, angle=0), self.geobox)
        gap = drawn(shapely.box(8, 8, 20, 20), self.geobox)
        gap += drawn(shapely.box(-20, -20, -8, -8), self.geobox)
        ids[gap > 0] = 0
        from scipy.ndimage import label

        pieces = label(ids)[0].astype(np.int32)
        assert pieces.max() == 2
        assert set(described(pieces, self.geobox).site) == {1}

    def test_the_first_site_has_the_highest_score(self) -> None:
        ids = np.zeros(self.geobox.shape, dtype=np.int32)
        for number in range(5):
            ids[20 : 24 + number, 20 + 50 * number : 24 + 50 * number] = number + 1
        table = table_of(ids, strength=[3.0, 9.0, 5.0, 5.0, 4.0])
        frame = described(ids, self.geobox, table=table)
        assert list(frame.index) == [2, 4, 3, 5, 1]  # of two scores alike the larger area
        assert list(frame["rank"]) == list(frame.site) == [1, 2, 3, 4, 5]
        assert list(frame.score) == [9, 5, 5, 4, 3]


class TestNames:
    before = Acquisition(
        dt.datetime(2024, 6, 6, tzinfo=dt.UTC),
        dt.datetime(2024, 6, 6, 23, 59, 59, tzinfo=dt.UTC),
        "day",
        "option",
    )
    after = Acquisition(
        dt.datetime(2024, 9, 1, 2, 10, 5, tzinfo=dt.UTC),
        dt.datetime(2024, 9, 1, 2, 10, 5, tzinfo=dt.UTC),
        "second",
        "file",
    )

    def test_they_survive_a_slightly_different_outline_and_another_grid(self) -> None:
        geobox = grid_in("EPSG:32651")
        ids = np.zeros(geobox.shape, dtype=np.int32)
        ids[100:120, 100:130] = 1
        first = described(ids, geobox, before=self.before, after=self.after).id.tolist()
        ids[100, 100:130] = 0
        ids[10:20, 10:20] = 7
        more = described(ids * 3, geobox, before=self.before, after=self.after)
        assert first[0] in set(more.id)
        assert first[0].startswith("c-")
        assert len(first[0]) == 8
        shifted = GeoBox((200, 250), then(geobox.affine, Affine.translation(30, 20)), geobox.crs)
        same = described(ids[20:220, 30:280], shifted, before=self.before, after=self.after)
        assert set(same.id) == {first[0]}

    def test_other_dates_give_other_names(self) -> None:
        geobox = grid_in(None)
        ids = np.zeros(geobox.shape, dtype=np.int32)
        ids[100:120, 100:130] = 1
        names = {
            described(ids, geobox, before=one, after=other).id.iloc[0]
            for one, other in ((self.before, self.after), (self.after, self.before), (None, None))
        }
        assert len(names) == 3

    def test_they_are_unique(self) -> None:
        geobox = grid_in(None, shape=(60, 80))
        ids = np.zeros(geobox.shape, dtype=np.int32)
        ids[::2, ::2] = np.arange(1, 30 * 40 + 1).reshape(30, 40)
        frame = described(ids, geobox)
        assert frame.id.is_unique
        assert frame.id.str.fullmatch("c-[0-9a-z]{6}").all()

    def test_dates_as_far_as_they_are_known(self) -> None:
        geobox = grid_in(None)
        ids = np.ones(geobox.shape, dtype=np.int32)
        row = described(ids, geobox, before=self.before, after=self.after).iloc[0]
        assert (row.before_datetime, row.after_datetime) == ("2024-06-06", "2024-09-01T02:10:05Z")
        interval = Acquisition(self.before.start, self.after.start, "interval", "option")
        file_time = Acquisition(self.after.start, self.after.end, "second", "file", confirmed=False)
        row = described(ids, geobox, before=interval, after=file_time).iloc[0]
        assert (row.before_datetime, row.after_datetime) == ("2024-06-06/2024-09-01", None)


class TestTheRest:
    def test_directions(self) -> None:
        geobox = grid_in(None)
        ids = np.zeros(geobox.shape, dtype=np.int32)
        ids[10, 10:60:10] = np.arange(1, 6)
        table = table_of(
            ids, signed_mean=[3, -3, 3, -3, 0.0], brighter_share=[0.9, 0.1, 0.6, 0.5, 0.9]
        )
        frame = described(ids, geobox, table=table).sort_index()
        assert list(frame.direction) == ["brighter", "darker", "mixed", "mixed", "mixed"]

    @pytest.mark.parametrize("crs", CRS)
    @pytest.mark.parametrize(("pixel", "length", "digits"), [(0.5, 15, 7), (8, 13, 6), (60, 11, 5)])
    def test_places(self, crs: str, pixel: float, length: int, digits: int) -> None:
        geobox = grid_in(crs, pixel=pixel)
        ids = np.zeros(geobox.shape, dtype=np.int32)
        ids[119:121, 149:151] = 1
        row = described(ids, geobox, alignment_ce90_px=0.31).iloc[0]
        assert GEOD.inv(row.lon, row.lat, LON, LAT)[2] < pixel
        assert len(row.mgrs) == length
        assert row.mgrs.startswith("51SYD38")
        assert round(row.lon, digits) == row.lon
        assert round(row.lat, digits) == row.lat
        assert row.alignment_ce90_px == 0.31
        assert row.calibration == "uncalibrated"
        assert "x_m" not in row

    def test_in_the_metric_frame(self) -> None:
        geobox = GeoBox((50, 60), Affine(2, 0, 0, 0, 2, 0), None)  # y down the image
        ids = np.zeros((50, 60), dtype=np.int32)
        for step in range(10):
            ids[10 + step, 20 - step : 40 - step] = 1  # leans to the right towards the top
        row = described(ids, geobox).iloc[0]
        assert row.area_m2 == 200 * 4
        assert 0 < row.orientation_deg < 180
        assert 90 - row.orientation_deg == pytest.approx(0, abs=45)
        assert 20 <= row.y_m <= 40
        assert not {"lon", "lat", "mgrs"} & set(row.index)
        assert math.isnan(row.alignment_ce90_px)

    def test_misuse(self) -> None:
        geobox = grid_in("EPSG:32651", shape=(20, 20))
        ids = np.ones((20, 20), dtype=np.int32)
        regions, area = regions_of(ids, geobox), area_from_overlap(geobox)
        run = functools.partial(describe_regions, regions, pixel_size_m=0.5)
        with pytest.raises(ValueError, match=r"table must hold every region; found none of \[1\]"):
            describe_regions(
                regions, geobox=geobox, pixel_size_m=1, table=table_of(ids * 0), area=area
            )
        off = GeoBox((20, 20), then(geobox.affine, Affine.translation(0.3, 0)), geobox.crs)
        with pytest.raises(ValueError, match=r"on the grid's pixels; found one 0\.30 px beside"):
            run(geobox=off, table=table_of(ids), area=area)
        frame = GeoBox((20, 20), geobox.affine, None)
        with pytest.raises(ValueError, match="both be georeferenced"):
            run(geobox=frame, table=table_of(ids), area=area)

    def test_the_inputs_are_left_alone(self) -> None:
        geobox = grid_in("EPSG:32651", shape=(20, 20))
        ids = np.zeros((20, 20), dtype=np.int32)
        ids[4:8, 4:8] = 2
        ids[14:18, 4:8] = 1
        regions, table = regions_of(ids, geobox), table_of(ids)
        copies = regions.copy(deep=True), table.copy(deep=True)
        describe_regions(
            regions, geobox=geobox, pixel_size_m=1, table=table, area=load_area("125,39,126,40")
        )
        assert regions.geometry.to_wkb().equals(copies[0].geometry.to_wkb())
        pd.testing.assert_frame_equal(table, copies[1])

    def test_of_a_change_map(self) -> None:
        geobox = grid_in("EPSG:32651", shape=(20, 30))
        ids = np.zeros((20, 30), dtype=np.int32)
        ids[4:8, 4:8], ids[14:18, 4:8] = 1, 2
        named = [field.name for field in dataclasses.fields(Regions)]
        values = {"strength": [4.0, 7.0], "at_edge": [False, True]}
        found = SimpleNamespace(
            geobox=geobox,
            plan=SimpleNamespace(pixel_size_m=0.5, display=Window(100, 200, 120, 230)),
            cut=SimpleNamespace(value=0.5),
            steps=(StepRecord(step="difference", options={"smoothing": 0.0}),),
            regions=Regions(**{n: np.array(values.get(n, [1.0, 1.0])) for n in named}),
            scenes={
                "before": SimpleNamespace(acquisition=TestNames.before),
                "after": SimpleNamespace(acquisition=TestNames.after),
            },
            alignment=SimpleNamespace(residual=SimpleNamespace(ce90=0.4), error=None),
            clouds=SimpleNamespace(tested=False),
            evidence=None,
            decision=SimpleNamespace(calibration="simulated"),
            rank_bounds=np.array([2, 1]),
        )
        area = area_from_overlap(geobox)
        frame = describe(regions_of(ids, geobox), found, area)  # type: ignore[arg-type]
        assert list(frame.index) == [2, 1]
        assert list(frame.score) == [7, 4]
        assert list(frame["flags"]) == ["EDGE", ""]
        assert set(frame.calibration) == {"simulated"}
        assert list(frame.rank_bound) == [1, 2]
        assert set(frame.alignment_ce90_px) == {0.4}
        assert (frame.area_low_m2 < frame.area_m2).all()
        assert (frame.area_m2 < frame.area_high_m2).all()
        assert set(frame.before_datetime) == {"2024-06-06"}
        assert set(frame.site) == {1}
        apart = describe(regions_of(ids, geobox), found, area, site_gap_m=1)  # type: ignore[arg-type]
        assert set(apart.site) == {1, 2}
        found.alignment.residual = found.rank_bounds = None
        unmeasured = describe(regions_of(ids, geobox), found, area)  # type: ignore[arg-type]
        assert unmeasured.alignment_ce90_px.isna().all()
        assert unmeasured.rank_bound.isna().all()

    def test_bounds_follow_the_ranks(self) -> None:
        """Bounds of the decision, one a region in any order, rise with the rank and stay below."""
        random = np.random.default_rng(5)
        geobox = grid_in("EPSG:32651", shape=(40, 200))
        ids = np.zeros(geobox.shape, dtype=np.int32)
        for number in range(24):
            ids[4:8, 8 * number + 1 : 8 * number + 3 + number % 4] = number + 1
        score = random.integers(3, 12, 24).astype(float)  # some of them alike
        decoys = random.uniform(3, 9, 300)
        bounds = rank_bounds(score, decoys, area_ratio=0.05)
        frame = described(ids, geobox, table=table_of(ids, strength=score, rank_bound=bounds))
        assert (np.diff(frame.score) <= 0).all()
        assert list(frame["rank"]) == list(range(1, 25))
        assert (np.diff(frame.rank_bound) >= 0).all()
        assert (frame.rank_bound <= frame["rank"]).all()
        assert 0 < frame.rank_bound.max() < 24
        for region, row in frame.iterrows():
            assert row.rank_bound == min(bounds[region - 1], row["rank"])
