"""The headers of a SEG: highdicom makes them about a series of one pixel a picture, whatever the files are like."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import InputError
from ...labels import Label
from .author import MANUFACTURER, VERSION, Author
from .descriptions import segment_descriptions
from .needed import highdicom
from .plane_headers import check_reference, pictures_of, pixel_measures, refer
from .source import SourceSeries
from .texts import meanings_of, set_character_set, short_text

_SERIES_NUMBER = 900


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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about tags of the source that are out of the standard
        try:
            made = hd.seg.Segmentation(
                source_images=pictures_of(source),
                pixel_array=pixels,
                segmentation_type=kind.upper(),
                segment_descriptions=segment_descriptions(
                    segments.labels, author, numbers, source.uid, segments.others
                ),
                series_instance_uid=hd.UID(),
                series_number=_SERIES_NUMBER,
                sop_instance_uid=hd.UID(),
                instance_number=1,
                manufacturer=MANUFACTURER,
                manufacturer_model_name=short_text(author.name) or MANUFACTURER,
                software_versions=VERSION,
                device_serial_number="0",
                pixel_measures=pixel_measures(source),
                content_label="SEGMENTATION",
                content_description=short_text(f"{author.name} {author.version}") or None,
                series_description=short_text(f"Segmentation by {author.name or MANUFACTURER}"),
            )
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise InputError(
                f"No DICOM segmentation can be made about series {source.name}: its headers lack what that needs.",
                "Write .seg.nrrd or .nii.gz, or export the series again with complete headers.",
                str(error),
            ) from error
    set_character_set(made, source.files[0], _texts(segments))
    made.SegmentsOverlap = "UNDEFINED" if kind == "fractional" else "NO"
    return made, refer(made, source)


def _texts(segments: Segments) -> list[str]:
    authors = (segments.author, *(segments.others or {}).values())
    texts = [text for author in authors for text in (author.name, author.version)]
    return texts + [text for label in segments.labels for text in (label.name, *meanings_of(label))]
