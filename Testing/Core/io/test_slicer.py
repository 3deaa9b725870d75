"""What Slicer itself makes of our files and we of its own, by the real MRML library from PyPI (``slicer-core``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.io import read_segmentation, write_segmentation, write_volume
from UNetSegmentLib.labels import CodedTerm, Label, Terminology
from UNetSegmentLib.volume import Segmentation, Volume

core = pytest.importorskip("slicer_core", reason="slicer-core (Slicer's MRML library) is not installed")
vtk = pytest.importorskip("vtk")

_COSINE, _SINE = np.cos(0.4), np.sin(0.4)
GRID = Geometry((12, 10, 8), (0.8, 1.2, 2.5), (-30.0, 42.5, 7.0), (1, 0, 0, 0, _COSINE, -_SINE, 0, _SINE, _COSINE))
ORGAN = CodedTerm("SCT", "123037004", "Anatomical Structure")
LABELS = (
    Label(1, "anterior – vorne", (255, 127, 0), Terminology(ORGAN, CodedTerm("SCT", "10200004", "Liver"))),
    Label(3, "posterior", (10, 20, 200), Terminology(ORGAN, CodedTerm("SCT", "64033007", "Kidney"))),
)


def _example() -> Segmentation:
    voxels = np.zeros(GRID.shape, np.uint8)
    voxels[1:3, 2:5, 3:8] = 1
    voxels[4:7, 2:5, 3:8] = 3
    return Segmentation(voxels, GRID, LABELS)


def _load(path: Path) -> tuple[Any, Any]:
    """The scene (which must stay alive) and the segmentation node that Slicer reads from ``path``."""
    scene = core.vtkMRMLScene()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    storage = core.vtkMRMLSegmentationStorageNode()
    scene.AddNode(storage)
    storage.SetFileName(str(path))
    assert storage.ReadData(node) == 1
    return scene, node


def _save(scene: Any, node: Any, path: Path) -> None:
    storage = core.vtkMRMLSegmentationStorageNode()
    scene.AddNode(storage)
    storage.SetFileName(str(path))
    assert storage.WriteData(node) == 1


def _tag(segment: Any, name: str) -> str:
    value = vtk.reference("")
    segment.GetTag(name, value)
    return str(value.get())


def _voxels(labelmap: Any) -> np.ndarray:
    from vtk.util.numpy_support import vtk_to_numpy

    return vtk_to_numpy(labelmap.GetPointData().GetScalars()).reshape(labelmap.GetDimensions()[::-1])


def test_slicer_reads_names_colours_terminology_geometry_and_voxels(tmp_path: Path) -> None:
    example = _example()
    write_segmentation(example, tmp_path / "s.seg.nrrd", algorithm="hippocampus-t1 1.0")
    _scene, node = _load(tmp_path / "s.seg.nrrd")
    segments = node.GetSegmentation()
    assert segments.GetNumberOfSegments() == 2
    for number, label in enumerate(LABELS):
        segment = segments.GetNthSegment(number)
        assert segment.GetName() == label.name
        assert segment.GetColor() == pytest.approx([c / 255 for c in label.color], abs=1e-5)
        assert segment.GetLabelValue() == label.value
        assert label.terminology is not None
        assert _tag(segment, "TerminologyEntry") == label.terminology.slicer_entry()
        assert _tag(segment, "DICOM.SegmentAlgorithmType") == "AUTOMATIC"
        assert _tag(segment, "DICOM.SegmentAlgorithmName") == "hippocampus-t1 1.0"
        labelmap = segment.GetRepresentation("Binary labelmap")
        np.testing.assert_array_equal(_voxels(labelmap) == label.value, example.mask(label.value))
        matrix = vtk.vtkMatrix4x4()
        labelmap.GetImageToWorldMatrix(matrix)
        ours = [[matrix.GetElement(row, column) for column in range(4)] for row in range(4)]
        np.testing.assert_allclose(ours, GRID.ras_matrix, atol=1e-6)


def test_slicer_knows_the_reference_geometry(tmp_path: Path) -> None:
    write_segmentation(_example(), tmp_path / "s.seg.nrrd")
    _scene, node = _load(tmp_path / "s.seg.nrrd")
    text = node.GetSegmentation().GetConversionParameter("Reference image geometry")
    numbers = [float(part) for part in text.split(";") if part]
    np.testing.assert_allclose(np.reshape(numbers[:16], (4, 4)), GRID.ras_matrix, atol=1e-6)
    assert numbers[16:] == [0, 11, 0, 9, 0, 7]


def test_what_slicer_saves_again_reads_the_same(tmp_path: Path) -> None:
    """Slicer stores only the occupied part; it comes back on the whole grid."""
    write_segmentation(_example(), tmp_path / "ours.seg.nrrd")
    scene, node = _load(tmp_path / "ours.seg.nrrd")
    _save(scene, node, tmp_path / "slicers.seg.nrrd")
    back = read_segmentation(tmp_path / "slicers.seg.nrrd")
    assert back.geometry.is_close(GRID)
    np.testing.assert_array_equal(back.voxels, _example().voxels)
    assert back.labels == LABELS


def _add(node: Any, name: str, box: Box) -> None:
    from vtk.util.numpy_support import vtk_to_numpy

    image = core.vtkOrientedImageData()
    image.SetDimensions(10, 12, 14)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(14, 12, 10)
    array[:] = 0
    array[box.slices] = 1
    segment = core.vtkSegment()
    segment.SetName(name)
    segment.AddRepresentation("Binary labelmap", image)
    node.GetSegmentation().AddSegment(segment)


@pytest.mark.parametrize("overlapping", [False, True])
def test_several_layers_written_by_slicer(tmp_path: Path, overlapping: bool) -> None:
    scene = core.vtkMRMLScene()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    node.GetSegmentation().SetSourceRepresentationName("Binary labelmap")
    _add(node, "A", Box((2, 2, 2), (6, 6, 6)))
    _add(node, "B", Box((4, 4, 4), (8, 8, 8)) if overlapping else Box((8, 8, 4), (10, 9, 8)))
    _add(node, "C", Box((10, 2, 2), (12, 4, 4)))
    _save(scene, node, tmp_path / "s.seg.nrrd")
    if overlapping:
        with pytest.raises(InputError, match="'A' and 'B' overlap in 8 voxels"):
            read_segmentation(tmp_path / "s.seg.nrrd")
        return
    back = read_segmentation(tmp_path / "s.seg.nrrd")
    counts = {label.name: int(np.count_nonzero(back.mask(label.value))) for label in back.labels}
    assert counts == {"A": 64, "B": 8, "C": 8}


def test_slicer_places_our_volumes_where_we_do(tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).random((1, *GRID.shape), dtype=np.float32)
    write_volume(Volume(voxels, GRID), tmp_path / "v.nii.gz")
    scene = core.vtkMRMLScene()
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    storage = core.vtkMRMLVolumeArchetypeStorageNode()
    scene.AddNode(storage)
    storage.SetFileName(str(tmp_path / "v.nii.gz"))
    assert storage.ReadData(node) == 1
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    theirs = [[matrix.GetElement(row, column) for column in range(4)] for row in range(4)]
    np.testing.assert_allclose(theirs, GRID.ras_matrix, atol=1e-4)
