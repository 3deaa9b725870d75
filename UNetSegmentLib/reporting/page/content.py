"""What a page says in words and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...geometry import Geometry
from ...labels import Label
from ...photographs import is_photograph
from ...text import plain_number
from ...volume import Segmentation, Volume
from ..measuring.measures import SegmentMeasures, measure
from ..units import SizeKind

Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class PageText:
    """Words of a page.

    Args:
        about: what was segmented.
        patient: name and number, which stand on the page only where somebody asked for them.
        facts: names and values, in order: the model, how it was run, when.
        notes: warnings, as sentences.
        modality: of the image: the mean of a CT is in Hounsfield units.
    """

    about: str
    patient: str = ""
    facts: Facts = ()
    notes: tuple[str, ...] = ()
    modality: str = ""


@dataclass(frozen=True)
class SizeTable:
    """A heading, and for each segment its label and its numbers in words; how many more labels have no voxel."""

    heading: tuple[str, ...]
    rows: tuple[tuple[Label, tuple[str, ...]], ...]
    empty: tuple[str, ...]


def size_table(segmentation: Segmentation, volume: Volume, modality: str = "") -> SizeTable:
    """Volume, area or pixels of each segment, its largest diameter, and the mean of an image of one channel."""
    measures = measure(segmentation)
    kind = measures[0].kind if measures else SizeKind.VOLUME
    size, length = {
        SizeKind.VOLUME: ("Volume (mL)", "Diameter (mm)"),
        SizeKind.AREA: ("Area (mm²)", "Diameter (mm)"),
        SizeKind.PIXELS: ("Pixels", "Diameter (px)"),
    }[kind]
    grey = volume.channels == 1
    mean = ("Mean (HU)" if modality == "CT" else "Mean",) if grey else ()
    rows = tuple(
        (one.label, (_size(one), f"{one.diameter_mm:.1f}", *(_mean(one, segmentation, volume) if grey else ())))
        for one in measures
        if one.voxels
    )
    return SizeTable((size, length, *mean), rows, tuple(one.label.name for one in measures if not one.voxels))


def facts_of_run(settings: Mapping[str, Any], geometry: Geometry, when: str) -> Facts:
    """What a page says of a run.

    Args:
        settings: of the result; of one that was drawn by hand, its author as the ``model``.
        geometry: of the image.
        when: date and time.
    """
    used = {
        "Model"
        if "preset" in settings
        else "Made by": f"{settings['model']} {settings.get('model_version', '')}".strip(),
        "SHA-256 of its weights": str(settings.get("model_digest", "")),
        "Preset": str(settings.get("preset", "")),
        "Run on": ", ".join(str(settings[name]) for name in ("device", "backend", "precision") if settings.get(name)),
        "Image": _grid_words(geometry),
        "Made on": when,
    }
    return tuple((name, value) for name, value in used.items() if value)


def _grid_words(geometry: Geometry) -> str:
    if is_photograph(geometry):
        return f"{' x '.join(str(n) for n in geometry.size if n > 1)} pixels"
    sizes: Sequence[str] = [str(n) for n in geometry.size]
    return f"{' x '.join(sizes)} voxels of {' x '.join(f'{s:.3g}' for s in geometry.spacing)} mm"


def _size(one: SegmentMeasures) -> str:
    if one.kind is SizeKind.PIXELS:
        return f"{one.voxels:,}".replace(",", " ")
    if one.kind is SizeKind.AREA:
        return f"{one.area_mm2 or 0.0:.1f}"
    return f"{one.volume_ml:.2f}" if one.volume_ml >= 0.1 else f"{one.volume_ml:.3f}"


def _mean(one: SegmentMeasures, segmentation: Segmentation, volume: Volume) -> tuple[str]:
    value = float(np.mean(volume.voxels[0][segmentation.mask(one.label.value)], dtype=np.float64))
    return (f"{value:.1f}" if abs(value) < 10_000 else plain_number(value),)
