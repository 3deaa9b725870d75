"""Sizes of the segments, as rows, text and CSV: volumes, areas of a single slice, pixels of a photograph."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from slicer.i18n import tr as _

from UNetSegmentLib.errors import UNetSegmentError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.labels import Label
from UNetSegmentLib.reporting import SizeKind, measure
from UNetSegmentLib.volume import Segmentation

from . import segments, volumes

_SEGMENT, _ALGORITHM = "Segment", "Algorithm"
_COLUMNS = {
    SizeKind.VOLUME: ("Volume (mL)", "Diameter (mm)", "Width (mm)", "Depth (mm)", "Height (mm)", "Voxels"),
    SizeKind.AREA: ("Area (mm²)", "Diameter (mm)", "Width (mm)", "Depth (mm)", "Height (mm)", "Pixels"),
    SizeKind.PIXELS: ("Area (px)", "Diameter (px)", "Width (px)", "Height (px)"),
}
# For an image that nobody knows any more: that its segments are volumes is the likeliest.
_SOME_VOLUME = Geometry((2, 2, 2))


@dataclass(frozen=True)
class Row:
    """One segment's measures.

    Args:
        segment_id, name, color: of the segment; color 0 to 1.
        voxels, volume_ml: size.
        diameter_mm: the largest distance between two of its points.
        extent_mm: along the patient's left-right, posterior-anterior and inferior-superior directions.
        algorithm: DICOM's SegmentAlgorithmType, empty when unknown.
        kind, area_mm2, normal: see ``UNetSegmentLib.reporting.SegmentMeasures``.
    """

    segment_id: str
    name: str
    color: tuple[float, float, float]
    voxels: int
    volume_ml: float
    diameter_mm: float
    extent_mm: tuple[float, float, float]
    algorithm: str
    kind: SizeKind = SizeKind.VOLUME
    area_mm2: float | None = None
    normal: int | None = None

    def cells(self) -> tuple[str, ...]:
        """Texts in the order of :func:`columns`."""
        extent = [f"{side:.1f}" for side in self.extent_mm]
        diameter = f"{self.diameter_mm:.1f}"
        if self.kind is SizeKind.PIXELS:
            return self.name, str(self.voxels), diameter, *extent[:2], self.algorithm
        size = f"{self.volume_ml:.3f}" if self.area_mm2 is None else f"{self.area_mm2:.2f}"
        if self.normal is not None:
            # The thickness of a slice says nothing of the segment.
            extent[self.normal] = ""
        return self.name, size, diameter, *extent, str(self.voxels), self.algorithm

    def in_words(self) -> str:
        """Number and extent, for a tool tip."""
        if self.kind is SizeKind.PIXELS:
            width, height = self.extent_mm[:2]
            return _("{count} pixels, {width:.0f} × {height:.0f} px (width × height)").format(
                count=self.voxels, width=width, height=height
            )
        extent = " × ".join(f"{side:.1f}" for n, side in enumerate(self.extent_mm) if n != self.normal)
        if self.kind is SizeKind.AREA:
            return _("{count} pixels, {extent} mm").format(count=self.voxels, extent=extent)
        return _("{count} voxels, {extent} mm (width × depth × height)").format(count=self.voxels, extent=extent)


def columns(table: list[Row]) -> tuple[str, ...]:
    """Headings of a table: what can be told of its segments depends on the image."""
    kind = table[0].kind if table else SizeKind.VOLUME
    return _SEGMENT, *_COLUMNS[kind], _ALGORITHM


def rows(segmentation_node) -> Iterator[Row]:
    """Measures every segment by itself, so that overlapping ones keep their whole volume; one after the other, as the
    caller asks for them. Coordinates are the node's own: a parent transform that scales is not counted."""
    segmentation, image = segmentation_node.GetSegmentation(), _image_grid(segmentation_node)
    for segment_id, found in segments.read_all(segmentation_node).items():
        segment = segmentation.GetSegment(segment_id)
        if segment is not None:
            yield _row(segment, segment_id, found, image)


def as_text(table: list[Row]) -> str:
    """Tab-separated, as spreadsheets paste it."""
    return "\n".join("\t".join(cells) for cells in (columns(table), *(row.cells() for row in table)))


def as_csv(table: list[Row]) -> str:
    """Comma-separated, with a heading line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns(table))
    writer.writerows(row.cells() for row in table)
    return text.getvalue()


def _image_grid(segmentation_node) -> Geometry:
    """Of the image that was segmented."""
    volume = volumes.source_of(segmentation_node)
    try:
        return volumes.geometry_of(volume) if volume is not None else _SOME_VOLUME
    except UNetSegmentError:
        return _SOME_VOLUME


def _row(segment, segment_id: str, found: segments.Found | None, image: Geometry) -> Row:
    algorithm = segments.tag(segment, "DICOM.SegmentAlgorithmType")
    # An empty segment is measured too, so that its row tells the same kind of size.
    mask, geometry = found if found is not None else (np.zeros((1, 1, 1), bool), Geometry((1, 1, 1)))
    (measures,) = measure(Segmentation(mask.astype("uint8"), geometry, (Label(1, segment.GetName()),)), image)
    return Row(
        segment_id,
        segment.GetName(),
        segment.GetColor(),
        measures.voxels,
        measures.volume_ml,
        measures.diameter_mm,
        measures.extent_mm,
        algorithm,
        measures.kind,
        measures.area_mm2,
        measures.normal,
    )
