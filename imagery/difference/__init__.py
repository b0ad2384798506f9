"""Difference measures: from two aligned, normalised scenes to a score for each pixel."""

from __future__ import annotations

from collections.abc import Mapping

from imagery.difference import (
    _angle,
    _anomalous,
    _choose,
    _fused,
    _irmad,
    _kmeans,
    _matched,
    _objects,
    _radar,
    _structure,
    _vector,
)
from imagery.difference._choose import Choice
from imagery.difference._model import Method, Noise, Scores
from imagery.difference._noise import fit_noise
from imagery.errors import InputError
from imagery.options import DifferenceOptions
from imagery.scene import Scene

__all__ = ["METHODS", "Choice", "Method", "Noise", "Scores", "choose", "fit_noise"]

METHODS: Mapping[str, Method] = {
    "cva": Method(fit=_vector.fit_nothing, score=_vector.change_vector, outlined=True),
    "difference": Method(fit=_vector.fit_nothing, score=_vector.mean_difference, outlined=True),
    "irmad": Method(fit=_irmad.fit_variates, score=_irmad.altered, least_bands=2, outlined=True),
    "pca-kmeans": Method(
        fit=_kmeans.fit_clusters,
        score=_kmeans.clustered,
        halo=_kmeans.HALO,
        cut=lambda fitted: fitted.classes.cut,
    ),
    "angle": Method(fit=_angle.fit_angles, score=_angle.angle, halo=_angle.HALO, least_bands=2),
    "structure": Method(
        fit=_structure.fit_structure, score=_structure.structure, halo=_structure.HALO
    ),
    "robust-cva": Method(
        fit=_vector.fit_nothing, score=_vector.robust_change_vector, halo=1, outlined=True
    ),
    "anomalous": Method(fit=_anomalous.fit_joint, score=_anomalous.anomalous, outlined=True),
    "multiscale": Method(
        fit=_structure.fit_multiscale,
        score=_structure.multiscale,
        halo=_structure.SCALES_HALO,
    ),
    "object": Method(fit=_objects.fit_objects, score=_objects.objects, halo=_objects.HALO),
    "matched": Method(fit=_matched.fit_kernels, score=_matched.matched, halo=_matched.HALO),
    "fused": Method(fit=_fused.fit_fused, score=_fused.fused, outlined=True),
    "log-ratio": Method(fit=_radar.fit_ratio, score=_radar.log_ratio, halo=_radar.HALO, radar=True),
    "energy-log-ratio": Method(
        fit=_radar.fit_energy,
        score=_radar.energy_log_ratio,
        halo=_radar.PATCH_HALO,
        radar=True,
        cut=_radar.own_cut,
    ),
}


def choose(
    options: DifferenceOptions,
    scenes: tuple[Scene, Scene],
    *,
    bands: int,
    error_px: float,
    season_days: float | None = None,
) -> Choice:
    """The measure that the options ask for, or that suits the pair, and why.

    Raises
    ------
    InputError
        If the measure needs more bands, doesn't suit the pair, or two radar images can't be
        compared.
    """
    radar = frozenset(name for name, method in METHODS.items() if method.radar)
    choice = _choose.choose(
        options,
        scenes,
        bands=bands,
        error_px=error_px,
        season_days=season_days,
        radar_methods=radar,
    )
    needed = METHODS[choice.method].least_bands
    if bands < needed:
        raise InputError(
            f"--method {choice.method} compares bands with each other",
            found=f"{bands} band in both {scenes[0].name} and {scenes[1].name}",
            needed=f"at least {needed}",
            option="--method",
        )
    return choice
