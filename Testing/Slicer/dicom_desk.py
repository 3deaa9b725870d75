"""A DICOM series on disk and in Slicer's database, and the volume node that Slicer makes of it."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import slicer
import support

sys.path[:0] = [str(support.REPOSITORY / "Testing" / "Core" / "io" / each) for each in ("dicom_objects", "dicom")]

from object_cases import LABELS, ORIENTATIONS, grid_of, labels_on, save_source  # noqa: E402

from UNetSegmentLib.io import read_volume  # noqa: E402

__all__ = ["LABELS", "ORIENTATIONS", "labels_on", "opened", "write"]


class Desk:
    """What a test works with: ``folder`` of the series' files, ``volume`` node, ``grid``, SOP instance ``uids``."""

    def __init__(self, folder: Path, orientation: str) -> None:
        self.grid = grid_of(ORIENTATIONS[orientation])
        self.folder = folder
        save_source(folder, self.grid)
        self.uids, self.volume = (), None


@contextlib.contextmanager
def opened(orientation: str = "axial", inside_database: bool = False) -> Iterator[Desk]:
    """A series in a temporary folder, or among the files that the database keeps itself; loaded."""
    with tempfile.TemporaryDirectory(prefix="desk-") as place, _database(Path(place)) as database:
        folder = Path(place) / ("database" if inside_database else "") / "ct"
        folder.mkdir(parents=True)
        desk = Desk(folder, orientation)
        load = _load_in_harness if support.in_harness() else _load
        load(desk, database)
        yield desk


def write(desk: Desk, segmentation=None):
    """A result of the model "levels", version 1.2, as a run writes it; returns the segmentation node."""
    from UNetSegmentPlugin.scene import provenance, results

    made = provenance.Provenance("levels", "1.2", "Levels")
    found = segmentation if segmentation is not None else labels_on(desk.grid)
    return results.write(found, desk.volume, results.Destination(), made, lambda node: None).segmentation


@contextlib.contextmanager
def _database(place: Path) -> Iterator:
    if support.in_harness():
        from SlicerHarness.application import dicomdatabase

        with dicomdatabase.opened(place / "database") as database:
            yield database
        return
    from DICOMLib import DICOMUtils

    with DICOMUtils.TemporaryDICOMDatabase(str(place / "database")) as database:
        yield database


def _load(desk: Desk, database) -> None:
    from DICOMLib import DICOMUtils

    DICOMUtils.importDicom(str(desk.folder), database)
    (patient,) = database.patients()
    (node_id,) = DICOMUtils.loadPatientByUID(patient)
    desk.volume = slicer.mrmlScene.GetNodeByID(node_id)
    desk.uids = tuple(desk.volume.GetAttribute("DICOM.instanceUIDs").split())


def _load_in_harness(desk: Desk, database) -> None:
    """What DICOMScalarVolumePlugin and DICOMPlugin.addSeriesInSubjectHierarchy do."""
    from pydicom import dcmread

    files = sorted(desk.folder.iterdir())
    desk.uids = tuple(str(dcmread(file, stop_before_pixels=True).SOPInstanceUID) for file in files)
    for file in files:
        database.insert(str(file), False, False)
    image = read_volume(desk.folder)
    desk.volume = node = support.add_volume(image.voxels[0], image.geometry.ras_matrix, "3: CT")
    node.SetAttribute("DICOM.instanceUIDs", " ".join(desk.uids))
    names, hierarchy = slicer.vtkMRMLSubjectHierarchyConstants, slicer.mrmlScene.GetSubjectHierarchyNode()
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Roe")
    study = hierarchy.CreateStudyItem(patient, "study")
    hierarchy.SetItemUID(study, names.GetDICOMUIDName(), "1.2.826.0.1.77")
    item = hierarchy.GetItemByDataNode(node)
    hierarchy.SetItemParent(item, study)
    hierarchy.SetItemUID(item, names.GetDICOMInstanceUIDName(), " ".join(desk.uids))


def on_grid_of(volume, segmentation):
    """The same voxels, where a volume node has its own."""
    from UNetSegmentPlugin.scene import volumes

    return replace(segmentation, geometry=volumes.geometry_of(volume))
