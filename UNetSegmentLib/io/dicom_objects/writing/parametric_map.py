"""``write_map``: one number for each voxel as a DICOM parametric map on the pictures of its series."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ....errors import InputError
from ....labels import CodedTerm
from ....volume import Segmentation, Volume
from ...grid import place_on_grid
from ..author import MANUFACTURER, Author
from ..needed import highdicom
from ..source import SourceSeries
from ..texts import set_character_set, short_text
from .descriptions import code_of
from .new_series import about_series, image_series
from .plane_headers import check_reference, pictures_of, pixel_measures, refer
from .saving import check_target, save

_SERIES_NUMBER = 904
_CURE = "Write .nii.gz, or export the series again with complete headers."
_BODY = CodedTerm("SCT", "38266002", "Entire body")
_NARROWEST = 1e-3  # of the grey window
_LARGEST = 2**32 - 2


@dataclass(frozen=True)
class Quantity:
    """What the numbers are: a short name (16 characters), a sentence, a unit and a coded meaning."""

    name: str
    explanation: str
    unit: CodedTerm
    meaning: CodedTerm


UNCERTAINTY = Quantity(
    "UNCERTAINTY",
    "Shannon entropy of the probabilities of all labels: 0 where the model is sure",
    CodedTerm("UCUM", "bit", "bit"),
    CodedTerm("99UNETSEGMENT", "entropy", "Entropy of the probabilities of labels"),
)


def write_map(volume: Volume, quantity: Quantity, source: SourceSeries, path: Path | str, author: Author) -> Path:
    """Writes a parametric map of 32-bit real numbers (PS3.3, A.75), a frame for every plane of the series.

    Args:
        volume: one channel, on the grid of the series.
        source: the series that it is about.
        author: the model that made it.

    Raises:
        InputError: several channels, too many voxels for one file, or headers that lack what is needed.
        GeometryError: the volume does not lie on the grid of the series.
        DependencyError: highdicom is not installed.
        OutputError: it cannot be written.
    """
    check_target(path)
    if volume.channels != 1:
        raise InputError(f"'{volume.name}' has {volume.channels} channels; a parametric map has one.", "Give one.")
    values = volume.voxels[0].astype(np.float32)
    planes = place_on_grid(Segmentation(values, volume.geometry), source.geometry, "The map").voxels
    if planes.nbytes > _LARGEST:
        raise InputError(f"'{volume.name}' is too large for one DICOM file.", "Write .nii.gz.")
    with about_series(source, "parametric map", _CURE):
        made = _header(quantity, (float(planes.min()), float(planes.max())), source, author)
    set_character_set(made, source.files[0], (author.name, author.version))
    shared = made.SharedFunctionalGroupsSequence[0]
    shared.FrameAnatomySequence = [_anatomy()]
    # The plain linear function counts whole grey values.
    shared.FrameVOILUTSequence[0].VOILUTFunction = "LINEAR_EXACT"
    made.Rows, made.Columns = planes.shape[1:]
    order = refer(made, source)
    if order[0] > order[-1]:
        _turn_round(made)
        order.reverse()
    made.FloatPixelData = planes[order].astype("<f4").tobytes()
    return save(made, path)


def _header(quantity: Quantity, extent: tuple[float, float], source: SourceSeries, author: Author) -> Any:
    hd = highdicom()
    check_reference(source)
    low, high = extent
    mapping = hd.pm.RealWorldValueMapping(
        lut_label=quantity.name,
        lut_explanation=short_text(quantity.explanation),
        unit=code_of(quantity.unit),
        value_range=(low, high),
        slope=1.0,
        intercept=0.0,
        quantity_definition=code_of(quantity.meaning),
    )
    return hd.pm.ParametricMap(
        source_images=pictures_of(source),
        pixel_array=np.zeros((len(source.frames), 1, 1), np.float32),
        **image_series(_SERIES_NUMBER, author),
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[mapping],
        window_center=(low + high) / 2,
        window_width=max(high - low, _NARROWEST),
        pixel_measures=pixel_measures(source),
        content_label=quantity.name,
        content_description=short_text(quantity.explanation),
        series_description=short_text(f"{quantity.name.capitalize()} of {author.name or MANUFACTURER}"),
    )


def _turn_round(made: Any) -> None:
    """Frames upwards along the normal: dcmqi's reader (1.5.7) takes them to be so, whatever their positions say."""
    frames = list(made.PerFrameFunctionalGroupsSequence)[::-1]
    for number, frame in enumerate(frames, 1):
        frame.FrameContentSequence[0].DimensionIndexValues = [number]
    made.PerFrameFunctionalGroupsSequence = frames


def _anatomy() -> Any:
    """Where in the body, which the model's card tells in words alone; dcmqi's reader does not go without."""
    from pydicom import Dataset

    item = Dataset()
    item.FrameLaterality, item.AnatomicRegionSequence = "U", [code_of(_BODY)]
    return item
