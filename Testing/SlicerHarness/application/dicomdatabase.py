"""``slicer.dicomDatabase``, which the dump's Slicer was built without, and Slicer's users have.

Its names are those of ctkDICOMDatabase (CTK, Libs/DICOM/Core/ctkDICOMDatabase.h): properties and Q_INVOKABLE methods.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ..strictness import dump
from ..strictness.strictobject import StrictObject

_PROPERTIES = ("isInMemory", "lastError", "databaseFilename", "databaseDirectory", "isOpen")
_METHODS = (
    "openDatabase", "closeDatabase", "patients", "studiesForPatient", "seriesForStudy", "instancesForSeries",
    "studyForSeries", "patientForStudy", "filesForSeries", "descriptionForSeries", "fileForInstance", "seriesForFile",
    "instanceForFile", "allFiles", "instanceValue", "fileValue", "insert", "removeSeries", "fileExistsAndUpToDate",
)  # fmt: skip
_TABLE = dump.ClassTable(
    "ctkDICOMDatabase", dict.fromkeys(_PROPERTIES, "told (read only)"), {}, {name: name for name in _METHODS}
)


class DicomDatabase(StrictObject, table=_TABLE):
    """Knows files by the SOP instance UIDs in their headers.

    Args:
        folder: where a real one keeps what it copies.
    """

    def __init__(self, folder: Path):
        super().__init__()
        self._folder = folder
        self._files: dict[str, str] = {}

    isOpen = property(lambda self: True)
    databaseDirectory = property(lambda self: str(self._folder))
    databaseFilename = property(lambda self: str(self._folder / "ctkDICOM.sql"))

    def insert(self, path: str, storeFile: bool = True, generateThumbnail: bool = True, *_) -> None:
        from pydicom import dcmread

        if storeFile:
            raise NotImplementedError("the harness copies no files")
        self._files[str(dcmread(path, stop_before_pixels=True).SOPInstanceUID)] = path

    def fileForInstance(self, uid: str) -> str:
        return self._files.get(uid, "")

    def instanceForFile(self, path: str) -> str:
        return next((uid for uid, file in self._files.items() if file == path), "")

    def allFiles(self) -> tuple[str, ...]:
        return tuple(self._files.values())

    def fileValue(self, path: str, tag: str) -> str:
        from pydicom import dcmread

        group, element = (int(part, 16) for part in tag.split(","))
        data = dcmread(path, stop_before_pixels=True)
        return str(data[group, element].value) if (group, element) in data else ""


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[DicomDatabase]:
    """A Slicer with DICOM, for a while."""
    import slicer

    slicer.__dict__["dicomDatabase"] = database = DicomDatabase(folder)
    try:
        yield database
    finally:
        del slicer.__dict__["dicomDatabase"]
