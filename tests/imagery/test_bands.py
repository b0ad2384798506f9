from __future__ import annotations

from pathlib import Path

import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from imagery.bands import BandPairs, canonical_name, name_bands, pair_bands, sensor_of
from imagery.errors import InputError
from imagery.scene import Acquisition, Band, Fact, Role, Scene


@pytest.mark.parametrize(
    ("description", "name"),
    [
        ("red", "red"),
        ("Red", "red"),
        ("R", "red"),
        ("Band 4 - Red", "red"),
        ("B04 (665 nm) red", "red"),
        ("visible blue", "blue"),
        ("Near-Infrared", "nir"),
        ("NIR_narrow", "nir08"),
        ("Coastal aerosol", "coastal"),
        ("red edge 1", "rededge071"),
        ("SWIR 2", "swir22"),
        ("Panchromatic", "pan"),
        ("Gamma0_VV", "vv"),
        ("3 blue", "blue"),
        ("red mask", ""),
        ("NDVI", ""),
        ("", ""),
        ("B4", ""),
        ("reduced", ""),
    ],
)
def test_words_name_a_band(description: str, name: str) -> None:
    assert canonical_name(description) == name


@pytest.mark.parametrize(
    ("code", "platform", "name"),
    [
        ("B4", "sentinel-2a", "red"),
        ("B4", "Sentinel-2B", "red"),
        ("B04", "S2A", "red"),
        ("B8A", "sentinel-2a", "nir08"),
        ("B4", "landsat-8", "red"),
        ("SR_B4", "LANDSAT_9", "red"),
        ("B4", "landsat-7", "nir08"),
        ("band 4", "landsat-5", "nir08"),
        ("ST_B10", "landsat-8", "lwir11"),
        ("B4", "WV02", ""),
        ("B4", None, ""),
        ("B14", "sentinel-2a", ""),
    ],
)
def test_a_number_means_another_band_on_another_sensor(
    code: str, platform: str | None, name: str
) -> None:
    assert canonical_name(code, platform=platform) == name


@pytest.mark.parametrize(
    ("platform", "sensor"),
    [
        ("planetscope 101c", "planetscope"),
        ("skysat SSC1", "skysat"),
        ("NAIP", "naip"),
        ("WV02", "maxar"),
        ("GE01", "maxar"),
        ("WorldView-3", "maxar"),
        ("PHR 1B", None),
        ("", None),
        (None, None),
    ],
)
def test_platforms_belong_to_sensors(platform: str | None, sensor: str | None) -> None:
    assert sensor_of(platform) == sensor


RGB = ("red", "green", "blue")
GREY = ("gray", "undefined", "undefined", "undefined")


def named(
    *descriptions: str | None,
    colours: tuple[str, ...] = GREY,
    platform: str | None = None,
    product: tuple[str, ...] = (),
) -> list[tuple[str, str]]:
    count = len(descriptions)
    return name_bands(descriptions, colours=colours[:count], platform=platform, product=product)


def test_descriptions_come_before_colours() -> None:
    assert named("nir", "red", "green", colours=RGB) == [
        ("nir", "description"),
        ("red", "description"),
        ("green", "description"),
    ]


def test_a_products_bands_come_before_colours() -> None:
    found = named(None, None, None, colours=RGB, product=("nir", "red", "green"))
    assert found == [("nir", "product"), ("red", "product"), ("green", "product")]
    assert named(None, None, colours=RGB, product=("nir", "red", "green"))[0][0] == "red"


def test_a_later_source_fills_gaps_where_it_contradicts_nothing() -> None:
    colours = (*RGB, "undefined")
    found = named(None, None, None, None, colours=colours, platform="NAIP")
    assert found == [*((c, "colour interpretation") for c in RGB), ("nir", "product")]
    # PlanetScope's order is blue, green, red, nir.
    found = named(None, None, None, None, colours=colours, platform="planetscope 0f28")
    assert [name for name, _ in found] == ["red", "green", "blue", ""]


def test_known_products_by_platform_and_number_of_bands() -> None:
    found = named(None, None, None, None, platform="planetscope 0f28")
    assert [name for name, _ in found] == ["blue", "green", "red", "nir"]
    assert named(None, None, platform="planetscope 0f28") == [("", "")] * 2


def test_a_name_that_two_bands_share_tells_nothing() -> None:
    assert named("rededge", "rededge", "red") == [("", ""), ("", ""), ("red", "description")]


def scene(*bands: Band | str, role: Role = "before", platform: str | None = None) -> Scene:
    made = [
        Band(i, band, "description" if band else "") if isinstance(band, str) else band
        for i, band in enumerate(bands, start=1)
    ]
    return Scene(
        path=Path(f"{role}.tif"), role=role,
        geobox=GeoBox((9, 9), Affine(1, 0, 0, 0, -1, 0), "EPSG:32651"),
        driver="GTiff", dtype="uint16", bands=tuple(made), nodata=None, has_mask=False,
        alpha=None, collar=None, display_product=False, acquisition=Acquisition(),
        facts={"platform": Fact(platform, "test")} if platform else {}, simulated=False, files=(),
    )  # fmt: skip


def paired(before: Scene, after: Scene, *, explicit: bool = False) -> BandPairs:
    return pair_bands(before, after, explicit=explicit)


def codes(pairs: BandPairs) -> list[str]:
    return [caution.code for caution in pairs.cautions]


def test_names_pair_in_another_order() -> None:
    pairs = paired(scene("red", "green", "blue"), scene("blue", "green", "red"))
    assert pairs.names == ("red", "green", "blue")
    assert (pairs.before, pairs.after) == ((1, 2, 3), (3, 2, 1))
    assert (pairs.how, pairs.cautions, pairs.display) == ("description", (), (0, 1, 2))


def test_rgbn_against_rgb_uses_the_common_three() -> None:
    pairs = paired(scene("blue", "green", "red", "nir"), scene("red", "green", "blue"))
    assert pairs.names == ("blue", "green", "red")
    assert pairs.after == (3, 2, 1)
    assert pairs.display == (2, 1, 0)
    assert codes(pairs) == ["bands-left-out"]
    assert "the 3 common bands" in pairs.cautions[0].message
    assert "nir of before.tif" in pairs.cautions[0].message


def test_how_is_the_weakest_of_both() -> None:
    grey = [Band(i, name, "colour interpretation") for i, name in enumerate(RGB, 1)]
    assert paired(scene("red", "green", "blue"), scene(*grey)).how == "colour interpretation"


def test_a_band_that_neither_file_names_goes_by_its_place() -> None:
    pairs = paired(scene("red", "green", "blue", ""), scene("red", "green", "blue", ""))
    assert pairs.before == pairs.after == (1, 2, 3, 4)
    assert pairs.names[3] == "band 4"
    assert codes(pairs) == ["bands-by-position"]


def test_nothing_named_goes_by_position_with_a_caution() -> None:
    pairs = paired(scene("", "", ""), scene("", "", "", role="after"))
    assert pairs.before == pairs.after == (1, 2, 3)
    assert (pairs.how, codes(pairs)) == ("position", ["bands-by-position"])
    pairs = paired(scene("", "", ""), scene("red", "green", "blue"))
    assert pairs.names == ("red", "green", "blue")
    assert codes(pairs) == ["bands-by-position"]


def test_one_band_against_one() -> None:
    pairs = paired(scene(""), scene(""))
    assert pairs.display == (0,)
    assert codes(pairs) == ["bands-by-position"]
    assert codes(paired(scene("red"), scene("red"))) == []


def words(*descriptions: str) -> list[Band]:
    return [Band(i, description=text) for i, text in enumerate(descriptions, 1)]


def test_equal_words_pair_on_one_platform_and_on_two_unknown() -> None:
    for platform in (None, "XSAT"):
        pairs = paired(
            scene(*words("B4", "B3"), platform=platform),
            scene(*words("B3", "B4"), platform=platform),
        )
        assert (pairs.before, pairs.after, pairs.how) == ((1, 2), (2, 1), "description")
        assert pairs.names == ("B4", "B3")
    pairs = paired(scene(*words("B4", "B3"), platform="XSAT"), scene(*words("B3", "B4")))
    assert pairs.how == "position"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("",), ("red", "green", "blue")),  # panchromatic against colours
        (("pan",), ("red", "green", "blue")),
        (("pan",), ("red",)),
        (("",) * 3, ("",) * 4),
        (("red", "green"), ("nir", "swir16")),
    ],
)
def test_what_cannot_be_paired_names_the_options(
    before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    with pytest.raises(InputError, match="--before-bands and --after-bands") as caught:
        paired(scene(*before), scene(*after, role="after"))
    assert str(caught.value).startswith("before.tif, after.tif:")


def test_bands_that_the_user_chose_pair_by_position() -> None:
    pairs = paired(scene("pan"), scene(Band(2, "green", "description")), explicit=True)
    assert (pairs.before, pairs.after, pairs.how) == ((1,), (2,), "option")
    assert codes(pairs) == ["bands-differ"]
    assert "pan with green" in pairs.cautions[0].message
    pairs = paired(scene("", ""), scene("", ""), explicit=True)
    assert pairs.cautions == ()


def test_chosen_bands_of_unequal_number_need_names() -> None:
    with pytest.raises(InputError):
        paired(scene("", "", ""), scene("", ""), explicit=True)
    pairs = paired(scene("red"), scene("red", "green"), explicit=True)
    assert pairs.names == ("red",)


def test_display_without_colours_is_the_first_three_or_the_first() -> None:
    assert paired(scene("nir", "red", "green"), scene("nir", "red", "green")).display == (0, 1, 2)
    assert paired(scene("nir", "red"), scene("nir", "red")).display == (0,)
