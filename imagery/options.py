"""Options of every pixel step: frozen, nested, strict.

Standard library only, so that ``twopass --help`` starts fast.  The command line is generated from
these classes: a field's name is the option's name, its ``help`` the option's help.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from imagery.strict import Strict, option


@dataclass(frozen=True, kw_only=True)
class SceneOptions(Strict):
    """What the user says of one of the two scenes, where the file doesn't or is wrong."""

    date: str | None = option(
        None,
        "When the image was acquired, ISO 8601 (a day, or a time, UTC where no zone is given), "
        "or START/END.",
        metavar="DATE",
    )
    credit: str | None = option(
        None, "Credit line, printed on every map and in the report.", metavar="TEXT"
    )
    license: str | None = option(
        None, "Licence of the image, printed beside the credit.", metavar="TEXT"
    )
    sun: str | None = option(
        None,
        'The sun\'s azimuth and elevation above the horizon, in degrees ("152.3,57.2").',
        metavar="AZ,EL",
    )
    view: str | None = option(
        None,
        "How the sensor looked, in degrees: from the point below it towards the scene (180° from "
        'the satellite\'s own azimuth), and how far off nadir ("105,26.2").',
        metavar="AZ,OFFNADIR",
    )
    bands: str | None = option(
        None,
        'Bands to use, in order, by number or name ("3,2,1" or "red,green,blue").',
        metavar="LIST",
    )
    mask: str | None = option(
        None,
        "What not to use of this image: a raster, not 0 where it is not to be used, or outlines "
        "(GeoJSON, GeoPackage, KML, shapefile).",
        metavar="FILE",
    )


@dataclass(frozen=True, kw_only=True)
class ReadOptions(Strict):
    """What the user says of both scenes' files."""

    crs: str | None = option(None, 'CRS of a file that has none ("EPSG:32651").', metavar="CRS")
    nodata: float | None = option(
        None, 'The value that marks missing pixels, "nan" among them.', metavar="VALUE"
    )
    bands: str | None = option(
        None, "Bands to use of both files, by number or name.", metavar="LIST"
    )
    no_georeference: bool = option(
        False, "Work on images without a georeference; needs --pixel-size."
    )
    pixel_size: float | None = option(
        None, "Side of a pixel in metres, with --no-georeference.", metavar="METRES"
    )
    dem: str | None = option(
        None,
        "Elevation model (a GeoTIFF), or height of the ground in metres above the ellipsoid, to "
        "put an image on the ground that has rational polynomial coefficients (RPC) alone; one "
        "that has ground control points alone is put there by these.",
        metavar="DEM",
    )
    allow_reversed: bool = option(False, "Compare even if BEFORE was acquired after AFTER.")


@dataclass(frozen=True, kw_only=True)
class GridOptions(Strict):
    """The common grid and the three extents."""

    grid: str = option(
        "coarser",
        "The grid to work on: coarser, before, after, or a raster FILE whose grid is taken.",
        metavar="GRID",
    )
    resolution: float | None = option(
        None, "Ground sample of the working grid in metres.", metavar="METRES", above=0
    )
    context: float = option(
        2000.0,
        "How far around the area, in metres, alignment and noise are estimated "
        "(and no less than 2048 px).",
        metavar="METRES",
        least=0,
        most=1e6,
    )
    margin: float = option(
        50.0,
        "How far around the area, in metres, the maps reach (and no less than 64 px).",
        metavar="METRES",
        least=0,
        most=1e6,
    )
    min_coverage: float = option(
        0.05,
        "Smallest share of the area that must be seen in both images.",
        metavar="SHARE",
        least=0,
        most=1,
    )


@dataclass(frozen=True, kw_only=True)
class MaskOptions(Strict):
    """What not to use of the images: clouds, and what the user leaves out."""

    clouds: Literal["auto", "none", "product", "learned", "suspected"] = option(
        "auto",
        "How clouds are masked.  product: by the masks that lie beside an image; learned: by a "
        "network (needs: pip install twopass[clouds]); suspected: where they are suspected from "
        "brightness and shadow.  auto: product, else learned, else suspected clouds are told and "
        "flagged but not masked.",
    )
    cloud_margin: float = option(
        100.0,
        "How far around clouds and their shadows is masked too, in metres, where a mask leaves no "
        "margin of its own.",
        metavar="METRES",
        least=0,
        most=1000,
    )
    mask: str | None = option(
        None,
        "What not to use of both images: a raster, not 0 where it is not to be used, or outlines.",
        metavar="FILE",
    )
    ignore: str | None = option(
        None,
        "Outlines in which no change is looked for (GeoJSON, GeoPackage, KML, shapefile); the "
        "alignment and the noise are still estimated there.",
        metavar="FILE",
    )


@dataclass(frozen=True, kw_only=True)
class CoregisterOptions(Strict):
    """Co-registration and its verdict."""

    trusted_ce90: float = option(
        0.5,
        "CE90 in px, on the ground, up to which the alignment is trusted (half a pixel "
        "misplaces no edge out of the pixel that shows it).",
        metavar="PX",
        least=0,
    )
    usable_ce90: float = option(
        2.0,
        "CE90 in px up to which the alignment is used, with a warning; places that are worse "
        "count as not observed.",
        metavar="PX",
        least=0,
    )
    ties: str | None = option(
        None,
        "Ties set by hand, a CSV file (before_x, before_y, after_x, after_y; or lon and lat, or "
        "col and row): they are fitted instead of windows, some kept apart as check points.",
        metavar="FILE",
    )
    seams: str | None = option(
        None,
        "Lines along which a mosaic breaks, or outlines of its parts (GeoJSON, GeoPackage, KML, "
        "shapefile): the shift may jump there. Default: found where the windows show a jump.",
        metavar="FILE",
    )
    accept_alignment: str | None = option(
        None,
        "Go on with an alignment that is refused; the REASON is printed on every map.",
        metavar="REASON",
    )


@dataclass(frozen=True, kw_only=True)
class NormaliseOptions(Strict):
    """Relative radiometric normalisation."""

    normalise: Literal["auto", "none", "linear", "monotone", "irmad"] = option(
        "auto",
        "How the later image is brought to the earlier one's radiometry.  auto: monotone for "
        "8-bit display products, else linear.",
    )


@dataclass(frozen=True, kw_only=True)
class DifferenceOptions(Strict):
    """The difference measure."""

    method: Literal[
        "auto", "cva", "difference", "irmad", "pca-kmeans", "angle", "structure", "robust-cva",
        "anomalous", "multiscale", "object", "matched", "fused", "log-ratio", "energy-log-ratio",
    ] = option(
        "auto",
        "The difference measure (see: twopass methods).  auto: energy-log-ratio for radar, "
        "robust-cva where the alignment may be off by more than 0.25 px, anomalous between "
        "seasons, else cva; the record says why.",
    )  # fmt: skip
    radar_units: Literal["auto", "amplitude", "intensity", "db"] = option(
        "auto",
        "What the pixels of two radar images hold; says too that they are radar.  auto: as the "
        "metadata say.",
    )
    smoothing: float = option(
        0.0,
        "Standard deviation in px of the Gaussian that both scenes pass before they are compared.",
        metavar="PX",
        least=0,
        most=50,
    )


@dataclass(frozen=True, kw_only=True)
class ThresholdOptions(Strict):
    """The cut between changed and unchanged scores."""

    threshold: str = option(
        "auto",
        "The cut of single pixels: null, tail-fdr, candidates, otsu, triangle, "
        "kittler-illingworth, percentile:P, or a number.  auto: the measure's own, else candidates "
        "where a rate is asked for, else tail-fdr; and regions are decided on then.",
        metavar="RULE",
    )


@dataclass(frozen=True, kw_only=True)
class DecisionOptions(Strict):
    """Which regions are told as changes, and how many false ones among them are taken."""

    max_false_alarms: str | None = option(
        None,
        "False changes that are taken, on average: N/km2 or N/area.  What can't be honoured is "
        "refused.  Excludes --fdr and --threshold.",
        metavar="RATE",
    )
    confidence: float | None = option(
        None,
        "With --max-false-alarms: how sure the rate is to hold, instead of on average.",
        metavar="SHARE",
        least=0.5,
        most=0.9999,
    )
    fdr: float | None = option(
        None,
        "Share of the changes told that may be false, on average.",
        metavar="SHARE",
        above=0,
        most=0.99,
    )
    quiet_pair: tuple[tuple[str, str], ...] = option(
        (),
        "Two earlier images of the place between which nothing happened; may be repeated.  What is "
        "found between them is false: vehicles, shadows, season.",
        metavar="BEFORE AFTER",
    )
    quiet_area: str | None = option(
        None,
        "Outlines of places where nothing happened between the two images (GeoJSON, GeoPackage, "
        "KML, shapefile).",
        metavar="FILE",
    )

    @property
    def asks(self) -> bool:
        """Whether a rate of false alarms or a share of false changes is asked for."""
        return self.max_false_alarms is not None or self.fdr is not None

    def named(self) -> dict[str, Any]:
        """For the record: of files their names alone, which don't tell where they lay."""
        return asdict(self) | {
            "quiet_pair": [[Path(name).name for name in pair] for pair in self.quiet_pair],
            "quiet_area": self.quiet_area and Path(self.quiet_area).name,
        }


@dataclass(frozen=True, kw_only=True)
class RegionOptions(Strict):
    """Which regions of candidate pixels become changes."""

    min_area: float | None = option(
        None,
        "Smallest change in square metres (default: 16 px of the working grid).",
        metavar="M2",
        least=0,
    )


@dataclass(frozen=True, kw_only=True)
class EngineOptions(Strict):
    """How much of the machine to use.  None of these changes a result."""

    workers: int | None = option(
        None, "Threads (default: the processors).", metavar="N", least=1, most=1024
    )
    memory: int = option(
        1000,
        "Memory to aim at, in MB; a quarter, 256 MB at most, keeps decoded blocks.",
        metavar="MB",
        least=64,
    )
    cluster: str | None = option(
        None,
        "Work on a Dask cluster, whose scheduler is at tcp://HOST:PORT or tls://HOST:PORT (needs: "
        "pip install twopass[cluster]).  Excludes --workers.",
        metavar="ADDRESS",
    )


@dataclass(frozen=True, kw_only=True)
class DetectOptions(Strict):
    """Everything that decides a change map, nested by step."""

    before: SceneOptions = SceneOptions()
    after: SceneOptions = SceneOptions()
    read: ReadOptions = ReadOptions()
    grid: GridOptions = GridOptions()
    masks: MaskOptions = MaskOptions()
    coregister: CoregisterOptions = CoregisterOptions()
    normalise: NormaliseOptions = NormaliseOptions()
    difference: DifferenceOptions = DifferenceOptions()
    threshold: ThresholdOptions = ThresholdOptions()
    decision: DecisionOptions = DecisionOptions()
    regions: RegionOptions = RegionOptions()


@dataclass(frozen=True, kw_only=True)
class AlignOptions(Strict):
    """Aligning one image to another, and where the aligned one comes to lie."""

    grid: str = option(
        "auto",
        "The pixels to write on: auto, reference, target, or a raster FILE whose lattice is taken. "
        "auto: the reference's where pixel sizes agree within 1 %, else the target's size from "
        "the reference's corner.",
        metavar="GRID",
    )
    extent: Literal["overlap", "target", "reference"] = option(
        "overlap", "How far the aligned image reaches: both images' overlap, or one of them."
    )
    resampling: Literal["auto", "cubic", "nearest"] = option(
        "auto",
        "How pixels are resampled, once. nearest is for classes and masks. auto: nearest where "
        "there is a table of colours, else cubic.",
    )
    reference_bands: str | None = option(
        None, "Bands of the reference to match, in order, by number or name.", metavar="LIST"
    )
    target_bands: str | None = option(
        None,
        "Bands of the target to match, in order, by number or name; all bands are written.",
        metavar="LIST",
    )
    read: ReadOptions = ReadOptions()
    coregister: CoregisterOptions = CoregisterOptions()
