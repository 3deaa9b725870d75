"""Volumes and diameters of the segments, as rows, text and CSV."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from UNetSegmentLib.labels import Label
from UNetSegmentLib.reporting import measure
from UNetSegmentLib.volume import Segmentation

from . import segments

COLUMNS = (
    "Segment",
    "Volume (mL)",
    "Diameter (mm)",
    "Width (mm)",
    "Depth (mm)",
    "Height (mm)",
    "Voxels",
    "Algorithm",
)


@dataclass(frozen=True)
class Row:
    """One segment's measures.

    Args:
        segment_id, name, color: of the segment; color 0 to 1.
        voxels, volume_ml: size.
        diameter_mm: the largest distance between two of its points.
        extent_mm: along the patient's left-right, posterior-anterior and inferior-superior directions.
        algorithm: DICOM's SegmentAlgorithmType, empty when unknown.
    """

    segment_id: str
    name: str
    color: tuple[float, float, float]
    voxels: int
    volume_ml: float
    diameter_mm: float
    extent_mm: tuple[float, float, float]
    algorithm: str

    def cells(self) -> tuple[str, ...]:
        """Texts in the order of :data:`COLUMNS`."""
        extent = (f"{side:.1f}" for side in self.extent_mm)
        volume, diameter = f"{self.volume_ml:.3f}", f"{self.diameter_mm:.1f}"
        return self.name, volume, diameter, *extent, str(self.voxels), self.algorithm


def rows(segmentation_node) -> Iterator[Row]:
    """Measures every segment by itself, so that overlapping ones keep their whole volume; one after the other, as the
    caller asks for them. Coordinates are the node's own: a parent transform that scales is not counted."""
    segmentation = segmentation_node.GetSegmentation()
    for segment_id, found in segments.read_all(segmentation_node).items():
        segment = segmentation.GetSegment(segment_id)
        if segment is not None:
            yield _row(segment, segment_id, found)


def as_text(table: list[Row]) -> str:
    """Tab-separated, as spreadsheets paste it."""
    return "\n".join("\t".join(cells) for cells in (COLUMNS, *(row.cells() for row in table)))


def as_csv(table: list[Row]) -> str:
    """Comma-separated, with a heading line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(row.cells() for row in table)
    return text.getvalue()


def _row(segment, segment_id: str, found: segments.Found | None) -> Row:
    algorithm = segments.tag(segment, "DICOM.SegmentAlgorithmType")
    if found is None:
        return Row(segment_id, segment.GetName(), segment.GetColor(), 0, 0.0, 0.0, (0.0, 0.0, 0.0), algorithm)
    mask, geometry = found
    (measures,) = measure(Segmentation(mask.astype("uint8"), geometry, (Label(1, segment.GetName()),)))
    return Row(
        segment_id,
        segment.GetName(),
        segment.GetColor(),
        measures.voxels,
        measures.volume_ml,
        measures.diameter_mm,
        measures.extent_mm,
        algorithm,
    )
