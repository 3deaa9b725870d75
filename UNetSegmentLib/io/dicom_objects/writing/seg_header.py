"""The headers of a SEG: highdicom makes them about a series of one pixel a picture, whatever the files are like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....labels import Label
from ..author import MANUFACTURER, Author
from ..needed import highdicom
from ..source import SourceSeries
from ..texts import meanings_of, set_character_set, short_text
from .descriptions import segment_descriptions
from .new_series import about_series, image_series
from .plane_headers import check_reference, pictures_of, pixel_measures, refer

_SERIES_NUMBER = 900
_CURE = "Write .seg.nrrd or .nii.gz, or export the series again with complete headers."


@dataclass(frozen=True, eq=False)
class Segments:
    """The segments of a SEG.

    Args:
        labels: of the segments.
        numbers: of the segments.
        author: who found them; ``others`` single ones, by label value.
    """

    labels: Sequence[Label]
    numbers: Sequence[int]
    author: Author
    others: Mapping[int, Author] | None = None


def seg_header(source: SourceSeries, segments: Segments, occupied: np.ndarray, kind: str) -> tuple[Any, list[int]]:
    """A SEG (highdicom's) without its pictures.

    Args:
        occupied: (planes, segments), or (planes,) of a label map: which pictures there are.
        kind: ``labelmap``, ``binary`` or ``fractional``.

    Returns:
        The SEG, and for each of its frames the plane that it lies in.

    Raises:
        InputError: headers lack what a SEG needs.
    """
    hd = highdicom()
    numbers, author = segments.numbers, segments.author
    check_reference(source)
    pixels = occupied.reshape(len(occupied), 1, 1, *occupied.shape[1:]).astype(np.uint16)
    if occupied.ndim == 1:
        pixels *= numbers[0]
    with about_series(source, "DICOM segmentation", _CURE):
        made = hd.seg.Segmentation(
            source_images=pictures_of(source),
            pixel_array=pixels,
            segmentation_type=kind.upper(),
            segment_descriptions=segment_descriptions(segments.labels, author, numbers, source.uid, segments.others),
            **image_series(_SERIES_NUMBER, author),
            pixel_measures=pixel_measures(source),
            content_label="SEGMENTATION",
            content_description=short_text(f"{author.name} {author.version}") or None,
            series_description=short_text(f"Segmentation by {author.name or MANUFACTURER}"),
        )
    set_character_set(made, source.files[0], _texts(segments))
    made.SegmentsOverlap = "UNDEFINED" if kind == "fractional" else "NO"
    return made, refer(made, source)


def _texts(segments: Segments) -> list[str]:
    authors = (segments.author, *(segments.others or {}).values())
    texts = [text for author in authors for text in (author.name, author.version)]
    return texts + [text for label in segments.labels for text in (label.name, *meanings_of(label))]
