"""``write_seg``: a label map as a DICOM segmentation on the pictures of its series."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ...volume import Segmentation
from .author import MANUFACTURER, VERSION, Author
from .descriptions import segment_descriptions
from .needed import highdicom
from .saving import present, save
from .source import SourceSeries

LABELMAP, BINARY = "labelmap", "binary"
KINDS = (LABELMAP, BINARY)

_SERIES_NUMBER = 900


def write_seg(
    segmentation: Segmentation,
    source: SourceSeries,
    path: Path | str,
    author: Author,
    kind: str = LABELMAP,
    compress: bool = True,
    others: Mapping[int, Author] | None = None,
) -> Path:
    """Writes a SEG.

    Args:
        segmentation: on the grid of the series.
        source: the series that it is about.
        author: who found it.
        others: of single segments, by label value, where not everything is the work of ``author``.
        kind: ``labelmap`` (Supplement 243: one frame for each slice, small), or ``binary`` (one for each segment and
            slice) for viewers that know no label maps yet.
        compress: run-length encoding of label maps, without loss.

    Returns:
        The file.

    Raises:
        InputError: nothing was found, and a SEG without a segment does not exist; an unknown kind.
        GeometryError: the segmentation does not lie on the grid of the series.
        DependencyError: highdicom is not installed.
        OutputError: it cannot be written.
    """
    if kind not in KINDS:
        raise InputError(f"There is no kind of SEG '{kind}'.", f"Use {' or '.join(KINDS)}.")
    hd = highdicom()
    labels = present(segmentation)
    planes = source.planes_of(segmentation)
    numbers = [label.value for label in labels] if kind == LABELMAP else list(range(1, len(labels) + 1))
    if kind == BINARY:
        planes = _renumbered(planes, [label.value for label in labels])
    pixels = planes.astype(np.uint8) if int(planes.max(initial=0)) < 256 else planes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about tags of the source that are out of the standard
        try:
            made = hd.seg.Segmentation(
                source_images=list(source.files),
                pixel_array=_pixels(source, pixels),
                segmentation_type=kind.upper(),
                segment_descriptions=segment_descriptions(labels, author, numbers, _about(source), others),
                series_instance_uid=hd.UID(),
                series_number=_SERIES_NUMBER,
                sop_instance_uid=hd.UID(),
                instance_number=1,
                manufacturer=MANUFACTURER,
                manufacturer_model_name=author.name or MANUFACTURER,
                software_versions=VERSION,
                device_serial_number="0",
                pixel_measures=_measures(source),
                content_label="SEGMENTATION",
                content_description=f"{author.name} {author.version}".strip()[:64] or None,
                transfer_syntax_uid=_syntax(kind, compress),
                series_description=f"Segmentation by {author.name or MANUFACTURER}"[:64],
            )
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise InputError(
                f"No DICOM segmentation can be made about series {source.name}: its headers lack what that needs.",
                "Write .seg.nrrd or .nii.gz, or export the series again with complete headers.",
                str(error),
            ) from error
    return save(made, path)


def _renumbered(planes: np.ndarray, values: list[int]) -> np.ndarray:
    """Values as 1, 2, 3 and so on, which binary segmentations need."""
    table = np.zeros(int(planes.max(initial=0)) + 1, np.uint16)
    table[values] = np.arange(1, len(values) + 1)
    return table[planes]


def _pixels(source: SourceSeries, planes: np.ndarray) -> Any:
    """The frames in the order of the pictures; a volume where several files hold several pictures each."""
    if not source.multi_frame or len(source.files) == 1:
        return source.frames_in_order(planes)
    hd = highdicom()
    geometry = source.geometry
    affine = np.eye(4)
    columns = np.asarray(geometry.direction, float).reshape(3, 3) * np.asarray(geometry.spacing)
    affine[:3, :3], affine[:3, 3] = columns[:, ::-1], geometry.origin
    return hd.Volume(planes, affine, "PATIENT", frame_of_reference_uid=source.files[0].FrameOfReferenceUID)


def _measures(source: SourceSeries) -> Any:
    """Sizes of voxels, which headers need not state; a SEG must."""
    x, y, z = source.geometry.spacing
    thickness = getattr(source.files[0], "SliceThickness", None)
    return highdicom().PixelMeasuresSequence(
        pixel_spacing=(y, x), slice_thickness=float(thickness or z), spacing_between_slices=z
    )


def _about(source: SourceSeries) -> str:
    return str(source.files[0].SeriesInstanceUID)


def _syntax(kind: str, compress: bool) -> str:
    from pydicom.uid import ExplicitVRLittleEndian, RLELossless

    return str(RLELossless if compress and kind == LABELMAP else ExplicitVRLittleEndian)
