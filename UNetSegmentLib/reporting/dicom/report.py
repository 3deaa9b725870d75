"""What a DICOM report says of a segmentation: the sizes that reports here tell, and the mean of the image."""

from __future__ import annotations

from ...io.dicom_objects.writing.report import MeasuredSegment, Measurement
from ...io.dicom_objects.writing.seg import LABELMAP
from ...volume import Segmentation, Volume
from ..measuring.measures import SegmentMeasures, measure
from ..units import SizeKind


def measured_segments(
    segmentation: Segmentation, image: Volume | None = None, kind: str = LABELMAP, modality: str = ""
) -> tuple[MeasuredSegment, ...]:
    """The segments that occur, with volume (mL) or area (mm²), largest diameter (mm), and mean intensity.

    Args:
        image: which is averaged, on the grid of the segmentation; None, and one of several channels (colours), leaves
            the mean out.
        kind: of the SEG, which says how its segments are numbered.
        modality: of the image: CT is in Hounsfield units, everything else has no unit.
    """
    found = [one for one in measure(segmentation) if one.voxels]
    return tuple(
        MeasuredSegment(
            one.label,
            one.label.value if kind == LABELMAP else number,
            _numbers(one, segmentation, image, "HU" if modality == "CT" else "1"),
        )
        for number, one in enumerate(found, 1)
    )


def _numbers(
    one: SegmentMeasures, segmentation: Segmentation, image: Volume | None, unit: str
) -> tuple[Measurement, ...]:
    numbers = []
    if one.kind is SizeKind.VOLUME:
        numbers.append(Measurement("volume", round(one.volume_ml, 4), "mL"))
    elif one.area_mm2 is not None:
        numbers.append(Measurement("area", round(one.area_mm2, 3), "mm2"))
    if one.kind is not SizeKind.PIXELS:
        numbers.append(Measurement("diameter", round(one.diameter_mm, 3), "mm"))
    if image is not None and image.channels == 1 and image.geometry.is_close(segmentation.geometry):
        mean = float(image.voxels[0][segmentation.mask(one.label.value)].mean())
        numbers.append(Measurement("mean", round(mean, 3), unit))
    return tuple(numbers)
