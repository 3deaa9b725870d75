"""Series in any orientation, and label maps on their grids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from dicom_files import CT, save_enhanced, save_slice
from pydicom.uid import generate_uid

from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.labels import CodedTerm, Label, Terminology
from UNetSegmentLib.volume import Segmentation

SIZE = (7, 6, 5)  # columns, rows, slices
ORGAN = CodedTerm("SCT", "123037004", "Anatomical Structure")
LABELS = (
    Label(1, "liver", (221, 130, 101), Terminology(ORGAN, CodedTerm("SCT", "10200004", "Liver"))),
    Label(
        5,
        "left kidney",
        (185, 102, 83),
        Terminology(ORGAN, CodedTerm("SCT", "64033007", "Kidney"), CodedTerm("SCT", "7771000", "Left")),
    ),
)
ORIENTATIONS = {
    "axial": (1, 0, 0, 0, 1, 0),
    "axial, columns turned": (1, 0, 0, 0, -1, 0),
    "axial, rows turned": (-1, 0, 0, 0, 1, 0),
    "sagittal": (0, 1, 0, 0, 0, -1),
    "coronal": (1, 0, 0, 0, 0, -1),
    "rows and columns exchanged": (0, 1, 0, 1, 0, 0),
    "oblique": (0.8, 0.6, 0, -0.36, 0.48, 0.8),
}


def grid_of(orientation: tuple[float, ...]) -> Geometry:
    axes = np.array(orientation, float).reshape(2, 3)
    columns = np.stack([*axes, np.cross(*axes)], axis=1)
    return Geometry(SIZE, (0.75, 1.25, 2.5), (-31.5, 12.25, 104.0), tuple(columns.ravel()))


def save_source(folder: Path, grid: Geometry, enhanced: bool = False, **elements: object) -> Path:
    """A CT of the grid; files run against the order of the slices."""
    positions = grid.to_physical(np.array([(0, 0, k) for k in range(grid.size[2])]))
    orientation = tuple(np.array(grid.direction).reshape(3, 3)[:, :2].T.ravel())
    pixels = np.zeros(grid.shape, np.int16)
    common = {
        "Modality": "CT",
        "StudyInstanceUID": "1.2.826.0.1.77",
        "FrameOfReferenceUID": "1.2.826.0.1.88",
        "PatientName": "Roe^Jane",
        "PatientID": "P-1",
        "PatientBirthDate": "19700101",
        "PatientSex": "F",
        "StudyDate": "20260101",
        "StudyTime": "120000",
        "StudyID": "S1",
        "AccessionNumber": "A1",
        "ReferringPhysicianName": "",
        "ContentDate": "20260101",
        "ContentTime": "120000",
        "Manufacturer": "nobody",
        **elements,
    }
    where = {"orientation": orientation, "spacing": grid.spacing[:2]}
    if enhanced:
        save_enhanced(folder / "all.dcm", pixels, positions, **where, **common)
        return folder
    for number, position in enumerate(positions):
        name = f"IM{grid.size[2] - number:03}"
        own = {"SOPInstanceUID": generate_uid(), "InstanceNumber": number + 1}
        save_slice(folder / name, position, pixels[number], sop_class=CT, **where, **common, **own)
    return folder


def labels_on(grid: Geometry, seed: int = 0) -> Segmentation:
    """Blocks with a hole, islands, and slices in which there is nothing."""
    voxels = np.zeros(grid.shape, np.uint8)
    voxels[1, 1:5, 1:6] = 1
    voxels[1, 2:4, 3] = 0
    voxels[3, 0:2, 0:2] = 1
    voxels[3, 2:4, 2:4] = 5
    voxels[3, 5, 6] = 5
    random = np.random.default_rng(seed)
    voxels[4][random.random(voxels[4].shape) < 0.3] = 5
    return Segmentation(voxels, grid, LABELS)


def points_of(segmentation: Segmentation) -> set[tuple[float, ...]]:
    """LPS mm of the centre of every labelled voxel, with its label."""
    places = np.argwhere(segmentation.voxels)
    points = segmentation.geometry.to_physical(places[:, ::-1])
    values = segmentation.voxels[tuple(places.T)]
    return {(*np.round(point, 3).tolist(), int(value)) for point, value in zip(points, values, strict=True)}
