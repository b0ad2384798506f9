"""Small products in the folders and under the names of the real ones, for the tests of reading."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray

Pixels = NDArray[Any]

CORNER = 499_980, 4_300_020
"""Of Sentinel-2's tile, in EPSG:32651."""

TEN, TWENTY, SIXTY = ("B02", "B03", "B04", "B08"), ("B05", "B8A", "B11", "B12"), ("B01", "B09")
SIZES = {**dict.fromkeys(TEN, 10), **dict.fromkeys(TWENTY, 20), **dict.fromkeys(SIXTY, 60)}


def write_band(path: Path, pixels: Pixels, *, size: float, **profile: Any) -> Path:
    """A band on the tile's grid, as JPEG 2000 without loss or as GeoTIFF by its ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    how: dict[str, Any] = {
        "crs": "EPSG:32651",
        "transform": Affine(size, 0, CORNER[0], 0, -size, CORNER[1]),
    }
    if path.suffix == ".jp2":
        how |= {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES", "YCBCR420": "NO"}
    else:
        how |= {"driver": "GTiff"}
    rows, cols = pixels.shape
    how |= {"height": rows, "width": cols, "count": 1, "dtype": pixels.dtype, **profile}
    with rasterio.open(path, "w", **how) as dataset:
        dataset.write(pixels, 1)
    return path


def ground(side: int = 120, *, seed: int = 0, low: int = 1200, high: int = 3000) -> Pixels:
    """Counts of a band, all of them valid."""
    pixels: Pixels = np.random.default_rng(seed).integers(low, high, (side, side))
    return pixels.astype(np.uint16)


def bands_of(side: int = 120, *, seed: int = 0) -> dict[str, Pixels]:
    """Every band of Sentinel-2 that the tests know, each at its own pixel size."""
    return {
        band: ground(side * 10 // size, seed=seed + number)
        for number, (band, size) in enumerate(SIZES.items())
    }


def sentinel2(
    folder: Path,
    bands: Mapping[str, Pixels],
    *,
    level: str = "L2A",
    baseline: str = "04.00",
    offset: int | None = -1000,
    day: str = "20240606",
    metadata: bool = True,
) -> Path:
    """A SAFE folder of the naming since 2016."""
    code = baseline.replace(".", "")
    name = f"S2A_MSI{level}_{day}T022531_N{code}_R046_T51SYB_{day}T060000.SAFE"
    safe, tile = folder / name, f"T51SYB_{day}T022531"
    inner = safe / "GRANULE" / f"{level}_T51SYB_A046000_{day}T022530"
    for band, pixels in bands.items():
        size = 1200 // pixels.shape[0] if pixels.shape[0] in (120, 60, 20) else SIZES[band]
        place = f"R{size}m/{tile}_{band}_{size}m.jp2" if level == "L2A" else f"{tile}_{band}.jp2"
        write_band(inner / "IMG_DATA" / place, pixels, size=size)
    safe.mkdir(parents=True, exist_ok=True)
    if metadata:
        text = product_xml(level=level, baseline=baseline, offset=offset, day=day)
        (safe / f"MTD_MSI{level}.xml").write_text(text, "utf-8")
    return safe


def product_xml(
    *,
    level: str = "L2A",
    baseline: str = "04.00",
    offset: int | None = -1000,
    day: str = "20240606",
) -> str:
    """What matters of a product's metadata, in the structure that ESA documents."""
    kind, value = (
        ("BOA", "BOA_QUANTIFICATION_VALUE") if level == "L2A" else ("RADIO", "QUANTIFICATION_VALUE")
    )
    name = "BOA_ADD_OFFSET" if level == "L2A" else "RADIO_ADD_OFFSET"
    listed = (
        ""
        if offset is None
        else "".join(f'<{name} band_id="{band}">{offset}</{name}>' for band in range(13))
    )
    date = f"{day[:4]}-{day[4:6]}-{day[6:]}T02:25:31.024Z"
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<n1:Level-{level[1:]}_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-{level[1:]}.xsd">
  <n1:General_Info>
    <Product_Info>
      <PROCESSING_LEVEL>Level-{level[1:]}</PROCESSING_LEVEL>
      <PROCESSING_BASELINE>{baseline}</PROCESSING_BASELINE>
      <Datatake datatakeIdentifier="GS2A_{day}T022531_046000_N{baseline}">
        <SPACECRAFT_NAME>Sentinel-2A</SPACECRAFT_NAME>
        <DATATAKE_SENSING_START>{date}</DATATAKE_SENSING_START>
      </Datatake>
    </Product_Info>
    <Product_Image_Characteristics>
      <{value} unit="none">10000</{value}>
      <{kind}_ADD_OFFSET_VALUES_LIST>{listed}</{kind}_ADD_OFFSET_VALUES_LIST>
    </Product_Image_Characteristics>
  </n1:General_Info>
</n1:Level-{level[1:]}_User_Product>
"""


LANDSAT = "LC08_L2SP_117033_20240606_20240610_02_T1"


def landsat(
    folder: Path,
    bands: Mapping[str, Pixels],
    *,
    scene: str = LANDSAT,
    mtl: str | None = None,
    **profile: Any,
) -> Path:
    """A folder of a scene's bands, by what follows the scene's identifier (``"SR_B4"``)."""
    folder.mkdir(parents=True, exist_ok=True)
    for band, pixels in bands.items():
        write_band(folder / f"{scene}_{band}.TIF", pixels, size=30, **profile)
    if mtl is not None:
        (folder / f"{scene}_MTL.txt").write_text(mtl, "utf-8")
    return folder


def mtl_text(groups: Mapping[str, Mapping[str, object]]) -> str:
    """Landsat's metadata as text."""
    lines = ["GROUP = LANDSAT_METADATA_FILE"]
    for group, values in groups.items():
        lines.append(f"  GROUP = {group}")
        lines += [f"    {name} = {value}" for name, value in values.items()]
        lines.append(f"  END_GROUP = {group}")
    return "\n".join([*lines, "END_GROUP = LANDSAT_METADATA_FILE", "END", ""])
